//! The abilities of a reactor that TCP endpoints need, and the look-up of a host's addresses.
//!
//! Invariant: a numeric address is never given to a resolver.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use deferred::Deferred;
use interfaces::{ReactorTcp, ResolveError, Resolver};

use crate::Host;

/// The two abilities that a TCP endpoint needs, as one trait object.
pub(crate) trait TcpReactor: ReactorTcp + Resolver {}

impl<R: ReactorTcp + Resolver> TcpReactor for R {}

/// The addresses that an endpoint uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4 and IPv6.
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl Family {
    pub(crate) fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }

    fn missing(self) -> String {
        String::from(match self {
            Self::Any => "it has no address",
            Self::Ipv4 => "it has no IPv4 address",
            Self::Ipv6 => "it has no IPv6 address",
        })
    }
}

/// The host's addresses of the family, best first, and at least one: without a resolver for a
/// numeric address.
///
/// # Errors
///
/// Fails with the resolver's error, or with [`ResolveError`] when there is none of the family.
pub(crate) fn addresses(
    reactor: &Rc<dyn TcpReactor>,
    (host, port): (&Host, u16),
    family: Family,
) -> Deferred<Vec<SocketAddr>> {
    let host_name = host.to_string();
    let found = match host.socket_addr(port) {
        Some(address) => Deferred::succeed(alloc::vec![address]),
        None => reactor.resolve_host_name(&host_name, port),
    };
    found.add_callback(move |mut addresses| {
        addresses.retain(|address| family.has(address));
        if addresses.is_empty() {
            return Err(ResolveError::Failed { host: host_name, reason: family.missing() }.into());
        }
        Ok(addresses)
    })
}
