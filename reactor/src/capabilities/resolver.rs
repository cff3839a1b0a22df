//! `Resolver`; Twisted's `IReactorPluggableNameResolver`.
//!
//! Invariant: a lookup never blocks the reactor's thread.

use std::net::SocketAddr;

use deferred::Deferred;
use interfaces::{AddressFamily, Resolver};

use crate::reactor::Reactor;
use crate::sys::{LookUpSys, StreamSys};

impl<S: StreamSys + LookUpSys> Resolver for Reactor<S> {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.core().resolve(host, port, AddressFamily::Any)
    }

    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        self.core().resolve(host, port, family)
    }
}
