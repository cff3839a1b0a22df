//! The look-up of host names; Twisted's `IHostnameResolver`.
//!
//! Invariant: a numeric address resolves to itself, without a look-up.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use deferred::Deferred;

use crate::printable;

/// The ability to look host names up. The reactor's asks the system (getaddrinfo(3)) on a thread of
/// its pool; tests and other sources of names implement it too.
///
/// Ten look-ups at most wait for a name server at the same time, each until its time limit, and others wait
/// for them; but not what needs no name server: addresses, and the names of the hosts file (hosts(5)). One
/// that is cancelled before it was begun takes no place.
///
/// # Differences from Twisted
///
/// Twisted's look-ups share the threads of all blocking work, and a name of the hosts file waits as any
/// other. A Deferred that is unanswered when the reactor stops fails here with [`ResolveError::Stopped`], and
/// is never fired there. The addresses come all at once, as a Deferred, and not one by one to a receiver. They are numeric and
/// say nothing of a transport, so one look-up serves streams and datagrams.
#[doc(alias = "IResolver")]
pub trait Resolver {
    /// The addresses of `host`, best first, each with `port`; not empty. Cancelling ends the wait for
    /// them.
    ///
    /// # Errors
    ///
    /// Fails with [`ResolveError`].
    #[doc(alias = "resolveHostName")]
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>>;

    /// As [`resolve_host_name`](Self::resolve_host_name), the addresses of one family alone. A source of
    /// names that can ask for one family only overrides it; as it stands, the others are left out.
    ///
    /// # Errors
    ///
    /// Fails with [`ResolveError`], also when there is no address of that family.
    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        let host_name = String::from(host);
        self.resolve_host_name(host, port).add_callback(move |mut addresses| {
            addresses.retain(|address| family.has(address));
            if addresses.is_empty() {
                let reason = family.missing().into();
                return Err(ResolveError::Failed { host: host_name, reason }.into());
            }
            Ok(addresses)
        })
    }
}

/// The families of addresses that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4 and IPv6.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl AddressFamily {
    /// Whether an address is of this family.
    pub fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }

    /// The reason of a look-up without such an address.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Any => "it has no address",
            Self::Ipv4 => "it has no IPv4 address",
            Self::Ipv6 => "it has no IPv6 address",
        }
    }
}

/// Why a name has no address. Twisted's `DNSLookupError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[doc(alias = "DNSLookupError")]
pub enum ResolveError {
    /// The system's resolver answered with an error.
    #[error("cannot find the address of {}: {}", printable(.host), printable(.reason))]
    Failed {
        /// The name.
        host: String,
        /// The resolver's text.
        reason: String,
    },
    /// No answer came in time.
    #[error("cannot find the address of {}: no answer within {after:?}", printable(.host))]
    TimedOut {
        /// The name.
        host: String,
        /// The time limit.
        after: Duration,
    },
    /// The reactor's run ended, or the reactor was dropped, before there was an answer.
    #[error("cannot find the address of {}: the reactor has stopped", printable(.host))]
    Stopped {
        /// The name.
        host: String,
    },
}

impl<R: Resolver + ?Sized> Resolver for Rc<R> {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        (**self).resolve_host_name(host, port)
    }

    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        (**self).resolve_family(host, port, family)
    }
}
