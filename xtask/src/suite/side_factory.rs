//! The factory of one side of a case, which builds scripted protocols and keeps their probes; Twisted's
//! `MyServerFactory`.
//!
//! Invariant: the probes are in the order of the connections.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use deferred::Failure;
use interfaces::{Address, Deliver, Factory};

use crate::suite::order_checker::OrderChecker;
use crate::suite::{Failed, Probe, Script};

type Build = Box<dyn Fn(&Address) -> Option<Script>>;
type OnStop = Rc<dyn Fn() -> Result<(), Failure>>;

/// Builds the protocols of one side, and keeps their probes.
pub struct SideFactory {
    build: Build,
    on_stop: RefCell<Option<OnStop>>,
    register: Rc<Register>,
    probes: RefCell<Vec<Rc<Probe>>>,
    peers: RefCell<Vec<Address>>,
    started: Cell<usize>,
    stopped: Cell<usize>,
}

/// The protocols of both sides of one case.
#[derive(Default)]
pub(crate) struct Register {
    running: RefCell<Vec<(Weak<OrderChecker>, Rc<Probe>)>>,
}

impl SideFactory {
    pub(crate) fn new(register: Rc<Register>, build: Build) -> Rc<Self> {
        Rc::new(Self {
            build,
            on_stop: RefCell::new(None),
            register,
            probes: RefCell::default(),
            peers: RefCell::default(),
            started: Cell::new(0),
            stopped: Cell::new(0),
        })
    }

    /// Sets the result of `do_stop`.
    pub fn on_stop(&self, answer: impl Fn() -> Result<(), Failure> + 'static) {
        *self.on_stop.borrow_mut() = Some(Rc::new(answer));
    }

    /// The probe of the n-th connection, from 0.
    ///
    /// # Errors
    ///
    /// When fewer connections were built.
    pub fn probe(&self, n: usize) -> Result<Rc<Probe>, Failed> {
        let probe = self.probes.borrow().get(n).cloned();
        probe.ok_or_else(|| Failed::new(format!("connection {n} of this side was never built")))
    }

    /// The number of connections that were built.
    pub fn built(&self) -> usize {
        self.probes.borrow().len()
    }

    /// The number of connections that received `connection_made`.
    pub fn made(&self) -> usize {
        self.probes.borrow().iter().filter(|probe| probe.is_made()).count()
    }

    /// The number of connections that received `connection_lost`.
    pub fn lost(&self) -> usize {
        self.probes.borrow().iter().filter(|probe| probe.is_lost()).count()
    }

    /// The arguments of `build_protocol`, in order.
    pub fn peers(&self) -> Vec<Address> {
        self.peers.borrow().clone()
    }

    /// The number of calls of `do_start`.
    pub fn started(&self) -> usize {
        self.started.get()
    }

    /// The number of calls of `do_stop`.
    pub fn stopped(&self) -> usize {
        self.stopped.get()
    }
}

impl Factory for SideFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.peers.borrow_mut().push(peer.clone());
        let script = (self.build)(peer);
        let probe = Rc::<Probe>::default();
        let checker = Rc::new(OrderChecker::new(script?, probe.clone()));
        self.probes.borrow_mut().push(probe.clone());
        self.register.add(&checker, probe);
        Some(checker)
    }

    fn do_start(&self) {
        self.started.set(self.started.get() + 1);
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.stopped.set(self.stopped.get() + 1);
        let on_stop = self.on_stop.borrow().clone();
        match on_stop {
            Some(answer) => answer(),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for SideFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideFactory").field("probes", &self.probes.borrow()).finish_non_exhaustive()
    }
}

impl Register {
    fn add(&self, checker: &Rc<OrderChecker>, probe: Rc<Probe>) {
        self.running.borrow_mut().push((Rc::downgrade(checker), probe));
    }

    /// The number of protocols that are not dropped.
    pub(crate) fn alive(&self) -> usize {
        self.running.borrow().iter().filter(|(checker, _)| checker.strong_count() > 0).count()
    }

    /// The violated rules of all connections.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.running.borrow().iter().flat_map(|(_, probe)| probe.faults()).collect()
    }
}
