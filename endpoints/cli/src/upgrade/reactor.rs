//! A reactor whose ports are entered in [`Sockets`], and may come from there.
//!
//! Invariant: each call passes on to the reactor, but for a port whose socket has been received.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{
    AddressFamily, ConnectTcp, ConnectUnix, DelayedCall, Factory, ListenError, ListenTcp,
    ListenUnix, ListeningPort, ReactorSocket as _, ReactorTcp, ReactorTime, ReactorUnix, Resolver,
};
use reactor::Reactor;

use super::Sockets;

/// A clone enters in the same sockets.
#[derive(Clone)]
pub(crate) struct UpgradeReactor {
    pub(crate) reactor: Reactor,
    pub(crate) sockets: Rc<Sockets>,
}

impl ReactorTcp for UpgradeReactor {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.sockets.open(
            format!("tcp {}", options.address),
            |socket| self.reactor.adopt_stream_port(socket, factory.clone()),
            || self.reactor.listen_tcp(options, factory.clone()),
        )
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_tcp(options, factory)
    }
}

impl ReactorUnix for UpgradeReactor {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.sockets.open(
            options.address.to_string(),
            |socket| self.reactor.adopt_stream_port(socket, factory.clone()),
            || self.reactor.listen_unix(options, factory.clone()),
        )
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_unix(options, factory)
    }
}

impl ReactorTime for UpgradeReactor {
    fn now(&self) -> Duration {
        self.reactor.now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        self.reactor.call_later(delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        ReactorTime::delayed_calls(&self.reactor)
    }
}

impl Resolver for UpgradeReactor {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.reactor.resolve_host_name(host, port)
    }

    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        self.reactor.resolve_family(host, port, family)
    }
}
