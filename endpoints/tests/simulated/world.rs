//! A simulated network whose addresses have each their own round trip, refuse, or do not answer.
//!
//! Invariant: without an entry an address refuses at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{
    AddressFamily, ConnectTcp, DelayedCall, Factory, ListenError, ListenTcp, ListeningPort,
    ReactorTcp, ReactorTime, Resolver,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use reactor::simulated::{Carried, Faults, Links, Simulated};
use reactor::{Limits, Reactor};

pub(crate) const PORT: u16 = 80;
pub(crate) const HOST: &str = "example.com";

/// What an address does with a connection request; times are round trips in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Connects(u64),
    Refuses(u64),
    /// No answer comes.
    Dead,
}

/// A reactor whose attempts have the round trip of their address; a clone is the same.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) reactor: Reactor<Simulated>,
    answers: Rc<RefCell<BTreeMap<IpAddr, Answer>>>,
    ports: Rc<RefCell<Vec<Rc<dyn ListeningPort>>>>,
    begun: Rc<RefCell<Vec<(Duration, IpAddr)>>>,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let network = Simulated::new(seed);
        network.set_faults(faults);
        network.set_links(Links::loopback());
        Self {
            reactor: Reactor::on(network, Limits::default()),
            answers: Rc::default(),
            ports: Rc::default(),
            begun: Rc::default(),
        }
    }

    /// [`HOST`] has these addresses, in this order.
    pub(crate) fn set_addresses(&self, addresses: &[(&str, Answer)]) {
        let parsed: Vec<(IpAddr, Answer)> =
            addresses.iter().map(|(text, answer)| (text.parse().unwrap(), *answer)).collect();
        self.reactor.system().set_host(HOST, parsed.iter().map(|(address, _)| *address));
        for (address, answer) in parsed {
            match answer {
                Answer::Connects(_) => self.listen(SocketAddr::new(address, PORT)),
                Answer::Dead => self.reactor.system().black_hole(address),
                Answer::Refuses(_) => {}
            }
            self.answers.borrow_mut().insert(address, answer);
        }
    }

    pub(crate) fn listen(&self, address: SocketAddr) {
        let factory = factory_fn(|_| Recorder::new(&Record::new()));
        let port = self.reactor.listen_tcp(&ListenTcp::new(address), factory).unwrap();
        self.ports.borrow_mut().push(port);
    }

    /// Turns until the Deferred has fired; returns its result and the time that this took.
    pub(crate) fn wait<T: 'static>(
        &self,
        deferred: Deferred<T>,
    ) -> (Result<T, deferred::Failure>, Duration) {
        let begun = self.reactor.now();
        let (fired_at, world) = (Rc::new(Cell::new(begun)), self.clone());
        let time = Rc::clone(&fired_at);
        let deferred = deferred.add_both(move |outcome| {
            // The turn may go on until the next event of the network.
            time.set(world.reactor.now());
            outcome
        });
        while !deferred.is_fired() {
            let turned = self.reactor.turn(None);
            // A turn that fires it may find that nothing more will come.
            assert!(turned.is_ok() || deferred.is_fired(), "{turned:?}, begun {:?}", self.begun());
        }
        (testkit::result_of(deferred), fired_at.get() - begun)
    }

    /// The attempts so far, with the time at which each began, in milliseconds.
    pub(crate) fn begun(&self) -> Vec<(u64, String)> {
        let begun = self.begun.borrow();
        let shown = |(time, address): &(Duration, IpAddr)| (millis(*time), address.to_string());
        begun.iter().map(shown).collect()
    }

    /// Closes the ports and every connection, and checks that nothing is left.
    pub(crate) fn end(self) {
        self.ports.take().into_iter().for_each(|port| drop(port.stop_listening()));
        self.reactor.disconnect_all();
        for _ in 0..100 {
            self.reactor.turn(Some(Duration::from_millis(1))).unwrap();
        }
        assert_eq!(self.reactor.counts(), Default::default());
        assert_eq!(self.reactor.system().carried(), Carried::default());
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

impl ReactorTcp for World {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.reactor.listen_tcp(options, factory)
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        let address = options.address.ip();
        self.begun.borrow_mut().push((self.reactor.now(), address));
        let answer = self.answers.borrow().get(&address).copied();
        let round_trip = match answer {
            Some(Answer::Connects(time) | Answer::Refuses(time)) => Duration::from_millis(time),
            Some(Answer::Dead) | None => Duration::ZERO,
        };
        // The links have no latency, which would vary: the whole round trip passes before.
        let timer = Rc::new(Cell::new(None::<DelayedCall>));
        let stop = Rc::clone(&timer);
        let (passed, promise) = Deferred::with_canceller(move || {
            if let Some(timer) = stop.take() {
                let _ = timer.cancel();
            }
            None
        });
        timer.set(Some(self.reactor.call_later(round_trip, move || promise.callback(()))));
        let (reactor, options) = (self.reactor.clone(), options.clone());
        passed.add_callback(move |()| reactor.connect_tcp(&options, factory))
    }
}

impl ReactorTime for World {
    fn now(&self) -> Duration {
        ReactorTime::now(&self.reactor)
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        ReactorTime::call_later(&self.reactor, delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.reactor.delayed_calls()
    }
}

impl Resolver for World {
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
