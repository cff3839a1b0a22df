//! `Resolver`; Twisted's `IReactorPluggableNameResolver`.
//!
//! Invariant: a lookup never blocks the reactor's thread.

use std::net::SocketAddr;

use deferred::Deferred;
use interfaces::Resolver;

use crate::reactor::Reactor;
use crate::sys::StreamSys;

impl<S: StreamSys> Resolver for Reactor<S> {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.core().resolve(host, port)
    }
}
