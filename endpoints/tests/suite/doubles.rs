//! A reactor that opens nothing: it records what it is asked for, and answers as it is told.
//!
//! Invariant: an attempt stays until the test answers it or the endpoint cancels it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, ConnectTcp, ConnectUnix, DelayedCall, Deliver, Factory, ListenError,
    ListenTcp, ListenUnix, ListeningPort, OsError, ReactorTcp, ReactorTime, ReactorUnix,
    ResolveError, Resolver,
};
use protocol::testing::Clock;
use ropewalk_endpoints::Registry;

/// What the reactor was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    ListenTcp(ListenTcp),
    ListenUnix(ListenUnix),
    ConnectTcp(ConnectTcp),
    ConnectUnix(ConnectUnix),
    Resolve(String),
    Cancelled,
}

/// What an attempt or a look-up does without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It waits for the test.
    Patient,
    /// It fails before the call returns.
    Refusing,
    /// As on a machine without IPv6, it fails with this number for an IPv6 address.
    WithoutIpv6(i32),
}

/// How a cancelled attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnCancel {
    Cancelled,
    ErrorOfItsOwn,
}

/// A clone is the same reactor.
#[derive(Clone)]
pub(crate) struct Reactor(Rc<State>);

struct State {
    clock: Clock,
    calls: RefCell<Vec<Call>>,
    attempts: RefCell<Vec<Promise<()>>>,
    factories: RefCell<Vec<Rc<dyn Factory>>>,
    names: RefCell<BTreeMap<String, Vec<IpAddr>>>,
    look_ups: RefCell<Vec<Promise<Vec<SocketAddr>>>>,
    mood: Cell<Mood>,
    on_cancel: Cell<OnCancel>,
}

pub(crate) fn refused() -> OsError {
    OsError::from_raw_os_error(111)
}

impl Reactor {
    pub(crate) fn new() -> Self {
        Self(Rc::new(State {
            clock: Clock::new(),
            calls: RefCell::default(),
            attempts: RefCell::default(),
            factories: RefCell::default(),
            names: RefCell::default(),
            look_ups: RefCell::default(),
            mood: Cell::new(Mood::Patient),
            on_cancel: Cell::new(OnCancel::Cancelled),
        }))
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::standard(self.clone())
    }

    /// The name is known at once. Other names are looked up until the test answers.
    pub(crate) fn knows(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.0.names.borrow_mut().insert(name.into(), addresses);
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.0.mood.set(mood);
    }

    pub(crate) fn fails_when_cancelled_with(&self, outcome: OnCancel) {
        self.0.on_cancel.set(outcome);
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.calls.take()
    }

    /// The addresses that were connected to since the last time.
    pub(crate) fn tried(&self) -> Vec<String> {
        let address = |call| match call {
            Call::ConnectTcp(options) => Some(options.address.to_string()),
            _ => None,
        };
        self.calls().into_iter().filter_map(address).collect()
    }

    /// Its time, which only the test moves.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The factories that attempts were given since the last time.
    pub(crate) fn factories(&self) -> Vec<Rc<dyn Factory>> {
        self.0.factories.take()
    }

    /// Answers the attempt of this index among those without an answer.
    pub(crate) fn answer_at(&self, index: usize, outcome: Result<(), Failure>) {
        let promise = self.0.attempts.borrow_mut().remove(index);
        promise.fire(outcome);
    }

    /// Answers the oldest attempt.
    pub(crate) fn answer(&self, outcome: Result<(), Failure>) {
        let promise = self.0.attempts.borrow_mut().remove(0);
        promise.fire(outcome);
    }

    /// Answers the oldest look-up.
    pub(crate) fn resolve(&self, outcome: Result<Vec<SocketAddr>, Failure>) {
        let promise = self.0.look_ups.borrow_mut().remove(0);
        promise.fire(outcome);
    }

    pub(crate) fn refusal(address: &str) -> Failure {
        let address: SocketAddr = address.parse().unwrap();
        ConnectError::Refused { address: address.into(), source: refused() }.into()
    }

    fn record(&self, call: Call) {
        self.0.calls.borrow_mut().push(call);
    }

    fn attempt(&self, address: Address) -> Deferred<()> {
        let error = ConnectError::Refused { address, source: refused() };
        if self.0.mood.get() == Mood::Refusing {
            return Deferred::fail(error);
        }
        let reactor = self.clone();
        let (deferred, promise) = Deferred::with_canceller(move || {
            reactor.record(Call::Cancelled);
            match reactor.0.on_cancel.get() {
                OnCancel::Cancelled => Some(Err(Cancelled.into())),
                OnCancel::ErrorOfItsOwn => Some(Err(error.into())),
            }
        });
        self.0.attempts.borrow_mut().push(promise);
        deferred
    }

    fn port(&self, address: Address) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let source = match (self.0.mood.get(), &address) {
            (Mood::Refusing, _) => refused(),
            (Mood::WithoutIpv6(number), Address::Ipv6(_)) => OsError::from_raw_os_error(number),
            _ => return Ok(Rc::new(Port(address))),
        };
        Err(ListenError::Refused { address, source, hint: "".into() })
    }
}

impl ReactorTcp for Reactor {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        _factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.record(Call::ListenTcp(options.clone()));
        self.port(options.address.into())
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.record(Call::ConnectTcp(options.clone()));
        factory.do_start();
        self.0.factories.borrow_mut().push(factory);
        self.attempt(options.address.into())
    }
}

impl ReactorTime for Reactor {
    fn now(&self) -> Duration {
        self.0.clock.now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        self.0.clock.call_later(delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.0.clock.delayed_calls()
    }
}

impl ReactorUnix for Reactor {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        _factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.record(Call::ListenUnix(options.clone()));
        self.port(options.address.clone().into())
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.record(Call::ConnectUnix(options.clone()));
        self.0.factories.borrow_mut().push(factory);
        self.attempt(options.address.clone().into())
    }
}

impl Resolver for Reactor {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.record(Call::Resolve(host.into()));
        let known = self.0.names.borrow().get(host).cloned();
        match known {
            Some(known) => {
                Deferred::succeed(known.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
            }
            None if self.0.mood.get() == Mood::Refusing => {
                Deferred::fail(ResolveError::Failed { host: host.into(), reason: "gone".into() })
            }
            None => {
                let reactor = self.clone();
                let (deferred, promise) = Deferred::with_canceller(move || {
                    reactor.record(Call::Cancelled);
                    None
                });
                self.0.look_ups.borrow_mut().push(promise);
                deferred
            }
        }
    }
}

struct Port(Address);

impl ListeningPort for Port {
    fn host(&self) -> Address {
        self.0.clone()
    }

    fn stop_listening(&self) -> Deferred<()> {
        Deferred::succeed(())
    }
}

/// Counts how often an attempt began to use it.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) started: Cell<u32>,
}

impl Factory for Counted {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        None
    }

    fn do_start(&self) {
        self.started.set(self.started.get() + 1);
    }
}

pub(crate) fn factory() -> Rc<dyn Factory> {
    Rc::new(Counted::default())
}
