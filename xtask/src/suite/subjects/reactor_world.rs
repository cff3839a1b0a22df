//! A world on a reactor of this workspace, on the kernel or simulated.
//!
//! Invariant: the world owns the only handle that keeps the reactor alive.

use std::fmt;
use std::net::{IpAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Factory, Observer, ReactorCore, ReactorFdSet, ReactorThreads, ReactorTime,
    StreamClientEndpoint, StreamServerEndpoint,
};
use reactor::sys::StreamSys;
use reactor::{Limits, Reactor};

use crate::suite::{ChildPrograms, DatagramPorts, World};

/// The longest wait of an idle turn.
const WAIT: Duration = Duration::from_millis(5);

/// How a subject listens and connects on its reactor.
pub trait Place<S: StreamSys> {
    /// A new place to listen on.
    fn server(&self, reactor: &Reactor<S>) -> Rc<dyn StreamServerEndpoint>;

    /// An endpoint that connects to `to`.
    fn client(&self, reactor: &Reactor<S>, to: &Address) -> Rc<dyn StreamClientEndpoint>;

    /// The datagram ports of the reactor, if that is what the subject carries.
    fn datagrams(&self, reactor: &Reactor<S>) -> Option<Rc<dyn DatagramPorts>> {
        let _ = reactor;
        None
    }

    /// The programs that the reactor runs, if that is what the subject carries.
    fn programs(&self, reactor: &Reactor<S>) -> Option<Rc<dyn ChildPrograms>> {
        let _ = reactor;
        None
    }

    /// An address without a listener.
    fn unused_address(&self) -> Address;

    /// The leaks of this place itself; see [`World::leftovers`].
    fn leftovers(&self, reactor: &Reactor<S>) -> Vec<String> {
        let _ = reactor;
        Vec::new()
    }

    /// See [`World::hold_clock`].
    fn hold_clock(&self, reactor: &Reactor<S>) -> Box<dyn Send> {
        let _ = reactor;
        Box::new(())
    }

    /// See [`World::fd_set`].
    fn fd_set(&self, reactor: &Reactor<S>) -> Option<Rc<dyn ReactorFdSet>> {
        let _ = reactor;
        None
    }
}

/// The world of every subject that runs on a reactor.
pub struct ReactorWorld<S: StreamSys, P: Place<S>> {
    reactor: Reactor<S>,
    place: P,
}

/// Why this machine cannot use an address of this family.
pub(crate) fn missing(interface: IpAddr) -> Option<&'static str> {
    let is_there = UdpSocket::bind((interface, 0)).is_ok();
    (!is_there && interface.is_ipv6()).then_some("this machine has no IPv6")
}

/// The default limits with a shorter linger, so that a case that leaves a connection with a silent
/// peer ends soon.
pub(crate) fn limits() -> Limits {
    Limits::default().with_linger(Duration::from_millis(250))
}

impl<S: StreamSys, P: Place<S>> ReactorWorld<S, P> {
    /// On this reactor.
    pub fn new(reactor: Reactor<S>, place: P) -> Self {
        Self { reactor, place }
    }
}

impl<S: StreamSys, P: Place<S>> World for ReactorWorld<S, P> {
    fn server(&self) -> Rc<dyn StreamServerEndpoint> {
        self.place.server(&self.reactor)
    }

    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint> {
        self.place.client(&self.reactor, address)
    }

    fn datagrams(&self) -> Option<Rc<dyn DatagramPorts>> {
        self.place.datagrams(&self.reactor)
    }

    fn programs(&self) -> Option<Rc<dyn ChildPrograms>> {
        self.place.programs(&self.reactor)
    }

    fn connect_refused(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.client(&self.place.unused_address()).connect(factory)
    }

    fn turn(&self) -> Result<(), Failure> {
        Ok(self.reactor.turn(Some(WAIT))?)
    }

    fn time(&self) -> Rc<dyn ReactorTime> {
        Rc::new(self.reactor.clone())
    }

    fn hold_clock(&self) -> Box<dyn Send> {
        self.place.hold_clock(&self.reactor)
    }

    fn core(&self) -> Option<Rc<dyn ReactorCore>> {
        Some(Rc::new(self.reactor.clone()))
    }

    fn run(&self) -> Result<(), Failure> {
        Ok(self.reactor.run()?)
    }

    fn running_protocol(&self) -> Option<&'static str> {
        self.reactor.running_protocol()
    }

    fn threads(&self) -> Option<Rc<dyn ReactorThreads>> {
        Some(Rc::new(self.reactor.clone()))
    }

    fn fd_set(&self) -> Option<Rc<dyn ReactorFdSet>> {
        self.place.fd_set(&self.reactor)
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.reactor.set_observer(observer);
    }

    fn leftovers(&self) -> Vec<String> {
        let counts = self.reactor.counts();
        let counts = [
            (counts.streams, "streams"),
            (counts.ports, "ports"),
            (counts.datagram_ports, "datagram ports"),
            (counts.attempts, "attempts"),
            (counts.lingering, "lingering sockets"),
            (counts.processes, "processes"),
            (counts.pipes, "pipes of processes"),
            (counts.stdio, "directions of standard streams"),
            (counts.watched, "watched descriptors"),
            (counts.timers, "timers"),
            (counts.tasks, "tasks"),
            (counts.jobs, "pieces of work"),
        ];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        let mut left: Vec<_> = some.map(|(count, what)| format!("{count} {what}")).collect();
        left.extend(self.place.leftovers(&self.reactor));
        left
    }
}

impl<S: StreamSys, P: Place<S>> fmt::Debug for ReactorWorld<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReactorWorld").field("reactor", &self.reactor).finish_non_exhaustive()
    }
}
