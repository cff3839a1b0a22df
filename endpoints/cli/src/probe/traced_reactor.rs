//! A reactor whose look-ups and attempts are entered in a [`Trace`].
//!
//! Invariant: each call passes on to the reactor, and each result to its caller.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, AddressFamily, ConnectTcp, ConnectUnix, DelayedCall, Deliver, Factory, ListenError,
    ListenTcp, ListenUnix, ListeningPort, ReactorTcp, ReactorTime, ReactorUnix, Resolver,
};
use reactor::Reactor;

use super::Trace;

/// A clone enters in the same trace.
#[derive(Clone)]
pub(crate) struct TracedReactor {
    pub(crate) reactor: Reactor,
    pub(crate) trace: Rc<Trace>,
}

impl TracedReactor {
    fn look_up(
        &self,
        host: &str,
        begin: impl FnOnce(&Reactor) -> Deferred<Vec<SocketAddr>>,
    ) -> Deferred<Vec<SocketAddr>> {
        let (trace, number) = (self.trace.clone(), self.trace.look_up_begins(host));
        begin(&self.reactor).add_both(move |found: Result<Vec<SocketAddr>, Failure>| {
            trace.look_up_ends(number, found.as_deref());
            found
        })
    }

    fn attempt(
        &self,
        address: String,
        factory: Rc<dyn Factory>,
        begin: impl FnOnce(&Reactor, Rc<dyn Factory>) -> Deferred<()>,
    ) -> Deferred<()> {
        let (trace, number) = (self.trace.clone(), self.trace.attempt_begins(address));
        let factory = Rc::new(TracedFactory { factory, trace: trace.clone(), number });
        begin(&self.reactor, factory).add_both(move |made: Result<(), Failure>| {
            trace.attempt_ends(number, made.as_ref().copied());
            made
        })
    }
}

/// Enters when the connection of an attempt stands.
struct TracedFactory {
    factory: Rc<dyn Factory>,
    trace: Rc<Trace>,
    number: usize,
}

impl Factory for TracedFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.trace.attempt_stands(self.number);
        self.factory.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}

impl ReactorTcp for TracedReactor {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.reactor.listen_tcp(options, factory)
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.attempt(options.address.to_string(), factory, |it, factory| {
            it.connect_tcp(options, factory)
        })
    }
}

impl ReactorUnix for TracedReactor {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.reactor.listen_unix(options, factory)
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.attempt(options.address.to_string(), factory, |it, factory| {
            it.connect_unix(options, factory)
        })
    }
}

impl ReactorTime for TracedReactor {
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

impl Resolver for TracedReactor {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.look_up(host, |it| it.resolve_host_name(host, port))
    }

    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        self.look_up(host, |it| it.resolve_family(host, port, family))
    }
}
