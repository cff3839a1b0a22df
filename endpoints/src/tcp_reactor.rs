//! The abilities of a reactor that TCP endpoints need, and the look-up of a host's addresses.
//!
//! Invariant: a numeric address is never given to a resolver.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::SocketAddr;

use deferred::Deferred;
use interfaces::{AddressFamily, ReactorTcp, ReactorTime, ResolveError, Resolver};

use crate::Host;

/// The two abilities that a TCP server needs, as one trait object.
pub(crate) trait TcpReactor: ReactorTcp + Resolver {}

impl<R: ReactorTcp + Resolver> TcpReactor for R {}

/// Those of a TCP client, whose attempts to several addresses take turns in time.
pub(crate) trait ClientReactor: TcpReactor + ReactorTime {}

impl<R: ReactorTcp + Resolver + ReactorTime> ClientReactor for R {}

/// The host's addresses of the family, best first, and at least one: without a resolver for a
/// numeric address.
///
/// # Errors
///
/// Fails with the resolver's error, or with [`ResolveError`] when there is none of the family.
pub(crate) fn addresses(
    resolver: &(impl Resolver + ?Sized),
    (host, port): (&Host, u16),
    family: AddressFamily,
) -> Deferred<Vec<SocketAddr>> {
    let host_name = host.to_string();
    match host.socket_addr(port) {
        None => resolver.resolve_family(&host_name, port, family),
        Some(address) if family.has(&address) => Deferred::succeed(alloc::vec![address]),
        Some(_) => {
            let reason = family.missing().into();
            Deferred::fail(ResolveError::Failed { host: host_name, reason })
        }
    }
}
