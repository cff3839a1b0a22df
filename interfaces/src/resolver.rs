//! The look-up of host names; Twisted's `IHostnameResolver`.
//!
//! Invariant: a numeric address resolves to itself, without a look-up.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use deferred::Deferred;

use crate::printable;

/// The ability to look host names up. The reactor's asks the system (getaddrinfo(3)) on a thread of
/// its pool; tests and other sources of names implement it too.
pub trait Resolver {
    /// The addresses of `host`, best first, each with `port`; not empty.
    ///
    /// # Errors
    ///
    /// Fails with [`ResolveError`].
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>>;
}

/// Why a name has no address. Twisted's `DNSLookupError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The system's resolver answered with an error.
    #[error("cannot find the address of {}: {}", printable(.host), printable(.reason))]
    Failed {
        /// The name.
        host: String,
        /// The resolver's text.
        reason: String,
    },
}

impl<R: Resolver + ?Sized> Resolver for Rc<R> {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        (**self).resolve_host_name(host, port)
    }
}
