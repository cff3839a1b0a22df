//! The context of one case on one subject: its world, and the operations that cases are written in;
//! Twisted's `ConnectionTestsMixin` with its `runReactor`.
//!
//! Invariant: every wait has a bound, and every leak of a case is reported.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use deferred::{Deferred, Failure};
use interfaces::{
    Address, DatagramTransport, DelayedCall, DeliverDatagram, ListeningPort, ReactorCore,
    ReactorThreads, ReactorTime,
};

use crate::suite::notices::{Notices, take_unhandled};
use crate::suite::side_factory::Register;
use crate::suite::{
    ChildPrograms, DatagramPorts, Failed, Outcome, Pair, Script, SideFactory, Subject, World,
    ensure,
};

/// The bound of every wait in a case.
const PATIENCE: Patience =
    Patience { wall: Duration::from_secs(20), world: Duration::from_secs(300) };
/// The bound of the wait for leaks to disappear after a case.
const CLEANUP: Patience = Patience { wall: Duration::from_secs(5), world: Duration::from_secs(30) };

/// A limit on the wall clock, and one on the world's clock, which may run ahead of it.
#[derive(Clone, Copy)]
struct Patience {
    wall: Duration,
    world: Duration,
}

/// The argument of a case: its world, its factories and its checks.
pub struct CaseContext {
    world: Rc<dyn World>,
    large_bytes: usize,
    register: Rc<Register>,
    notices: Rc<Notices>,
    ports: RefCell<Vec<Rc<dyn ListeningPort>>>,
    at_the_end: RefCell<Vec<Box<dyn FnOnce() -> Outcome>>>,
}

impl CaseContext {
    pub(crate) fn new(subject: &dyn Subject, round: u32) -> Result<Self, Failed> {
        let world = subject.world(round)?;
        let notices = Notices::new();
        world.set_observer(notices.clone());
        Ok(Self {
            world,
            large_bytes: subject.large_bytes(),
            register: Rc::default(),
            notices,
            ports: RefCell::default(),
            at_the_end: RefCell::default(),
        })
    }

    /// The world of this case.
    pub fn world(&self) -> &Rc<dyn World> {
        &self.world
    }

    /// The world's clock.
    pub fn time(&self) -> Rc<dyn ReactorTime> {
        self.world.time()
    }

    /// Calls when `delay` has passed on the world's clock.
    pub fn later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.time().call_later(delay, Box::new(call))
    }

    /// The start and stop of the world's loop.
    ///
    /// # Errors
    ///
    /// When the world has none: the case must name the ability.
    pub fn core(&self) -> Result<Rc<dyn ReactorCore>, Failed> {
        self.world.core().ok_or_else(|| Failed::new("this world has no core"))
    }

    /// The calls from other threads.
    ///
    /// # Errors
    ///
    /// When the world has none: the case must name the ability.
    pub fn threads(&self) -> Result<Rc<dyn ReactorThreads>, Failed> {
        self.world.threads().ok_or_else(|| Failed::new("no thread can reach this world"))
    }

    /// The size of a large transfer on this subject, in bytes.
    pub fn large_bytes(&self) -> usize {
        self.large_bytes
    }

    /// The number of planned panics that the world caught and reported.
    pub fn planned_panics(&self) -> usize {
        self.notices.planned_panics()
    }

    /// Removes and returns the unhandled errors so far, for a case that expects them.
    pub fn take_unhandled(&self) -> Vec<String> {
        take_unhandled()
    }

    /// Removes and returns the other events that fail a case: errors without a receiver, failed
    /// accepts, unplanned panics.
    pub fn take_unexpected(&self) -> Vec<String> {
        self.notices.take_unexpected()
    }

    /// What the world has told of its ports: `started` or `stopped`, the factory, the address.
    pub fn ports_logged(&self) -> Vec<String> {
        self.notices.ports()
    }

    /// A factory that builds the script that the closure returns for each peer.
    pub fn side(&self, build: impl Fn(&Address) -> Option<Script> + 'static) -> Rc<SideFactory> {
        SideFactory::new(self.register.clone(), Box::new(build))
    }

    /// A factory for one connection; it refuses any other.
    pub fn single(&self, script: Script) -> Rc<SideFactory> {
        let script = Cell::new(Some(script));
        self.side(move |_| script.take())
    }

    /// Listens. The port is closed at the end of the case at the latest.
    ///
    /// # Errors
    ///
    /// When the world cannot listen.
    pub fn listen(&self, side: &Rc<SideFactory>) -> Result<Rc<dyn ListeningPort>, Failed> {
        let port = self.wait("listening", self.world.server().listen(side.clone()))??;
        self.ports.borrow_mut().push(port.clone());
        Ok(port)
    }

    /// Opens a datagram port for datagrams of any length. It is closed at the end of the case at the
    /// latest.
    ///
    /// # Errors
    ///
    /// When the world cannot open it.
    pub fn open(
        &self,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failed> {
        let port = self.datagrams()?.open(usize::MAX, protocol)?;
        self.close_at_the_end(&port);
        Ok(port)
    }

    /// Has a port closed at the end of the case at the latest.
    pub fn close_at_the_end(&self, port: &Rc<dyn DatagramTransport>) {
        self.ports.borrow_mut().push(port.clone());
    }

    /// The datagram ports of the world.
    ///
    /// # Errors
    ///
    /// When the world has none.
    pub fn datagrams(&self) -> Result<Rc<dyn DatagramPorts>, Failed> {
        self.world.datagrams().ok_or_else(|| Failed::new("this world carries no datagrams"))
    }

    /// The child processes of the world.
    ///
    /// # Errors
    ///
    /// When the world has none.
    pub fn programs(&self) -> Result<Rc<dyn ChildPrograms>, Failed> {
        self.world.programs().ok_or_else(|| Failed::new("this world runs no processes"))
    }

    /// Starts a connection attempt.
    pub fn connect(&self, to: &Address, side: &Rc<SideFactory>) -> Deferred<()> {
        self.world.client(to).connect(side.clone())
    }

    /// Connects one end to the other, and waits for `connection_made` on both.
    ///
    /// # Errors
    ///
    /// When one of the ends does not connect in time.
    pub fn pair(&self, server: Script, client: Script) -> Result<Pair, Failed> {
        let (server, client) = (self.single(server), self.single(client));
        let port = self.listen(&server)?;
        self.wait("connecting", self.connect(&port.host(), &client))??;
        self.until("both ends know of their connection", || {
            server.made() == 1 && client.made() == 1
        })?;
        Ok(Pair { server: server.probe(0)?, client: client.probe(0)?, port })
    }

    /// Runs turns until the condition holds.
    ///
    /// # Errors
    ///
    /// When it does not hold within 20 s, and at once when an error comes meanwhile that has no receiver:
    /// a panic in a callback is mostly why the condition never holds.
    pub fn until(&self, what: &str, mut condition: impl FnMut() -> bool) -> Outcome {
        let mut holds = false;
        self.turn_until(PATIENCE, &mut || {
            holds = condition();
            holds || self.notices.has_unexpected()
        })?;
        if holds {
            return Ok(());
        }
        let mut story = vec![format!("waited in vain until {what}")];
        story.extend(self.notices.take_unexpected());
        Err(Failed::new(story.join("; ")))
    }

    /// Runs turns until the Deferred has fired, and returns its result.
    ///
    /// # Errors
    ///
    /// The outer error when it does not fire within 20 s.
    pub fn wait<T: 'static>(
        &self,
        what: &str,
        deferred: Deferred<T>,
    ) -> Result<Result<T, Failure>, Failed> {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        drop(deferred.add_both(move |outcome| {
            *slot.borrow_mut() = Some(outcome);
            Ok::<(), Failure>(())
        }));
        self.until(&format!("{what} is decided"), || result.borrow().is_some())?;
        result.take().ok_or_else(|| Failed::new(format!("{what} has lost its result")))
    }

    /// Runs turns for 30 ms, in which an event that must not happen would happen.
    ///
    /// # Errors
    ///
    /// When a turn fails.
    pub fn settle(&self) -> Outcome {
        let over = Rc::new(Cell::new(false));
        let ring = over.clone();
        let _ = self.later(Duration::from_millis(30), move || ring.set(true));
        self.until("30 ms have passed", || over.get())
    }

    /// Runs the loop until its core is stopped.
    ///
    /// # Errors
    ///
    /// When it is not stopped within 20 s.
    pub fn run(&self) -> Outcome {
        let core = self.core()?;
        let overdue = Rc::new(Cell::new(false));
        let ring = overdue.clone();
        let alarm = self.later(PATIENCE.wall, move || {
            ring.set(true);
            let _ = core.stop();
        });
        self.world.run()?;
        let _ = alarm.cancel();
        ensure(!overdue.get(), "the loop was not stopped within 20 s")
    }

    /// Registers a check that runs after the world is dropped.
    pub fn at_the_end(&self, check: impl FnOnce() -> Outcome + 'static) {
        self.at_the_end.borrow_mut().push(Box::new(check));
    }

    fn turn_until(
        &self,
        patience: Patience,
        condition: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Failed> {
        let time = self.time();
        let (wall, begin) = (Instant::now(), time.now());
        while !condition() {
            let passed = time.now().saturating_sub(begin);
            if wall.elapsed() > patience.wall || passed > patience.world {
                return Ok(false);
            }
            self.world.turn()?;
        }
        Ok(true)
    }

    /// Closes the ports that the case left open, and reports every other leak.
    pub(crate) fn tear_down(&self) -> Outcome {
        for port in self.ports.take() {
            let _ = self.wait("closing a port", port.stop_listening())?;
        }
        let clean = self.turn_until(CLEANUP, &mut || self.left().is_empty())?;
        let mut faults = self.register.faults();
        if !clean {
            faults.push(format!("left behind: {}", self.left().join(", ")));
        }
        faults.extend(self.notices.take_unexpected());
        faults.extend(take_unhandled());
        ensure(faults.is_empty(), &faults.join("; "))
    }

    fn left(&self) -> Vec<String> {
        let mut left = self.world.leftovers();
        let alive = self.register.alive();
        if alive > 0 {
            left.push(format!("{alive} protocols"));
        }
        left
    }

    /// Drops the world, and reports the protocols that outlive it.
    pub(crate) fn end(self) -> Outcome {
        let Self { world, register, notices, at_the_end, .. } = self;
        drop((world, notices));
        let alive = register.alive();
        ensure(alive == 0, &format!("{alive} protocols outlive their world"))?;
        at_the_end.into_inner().into_iter().try_for_each(|check| check())
    }
}

impl fmt::Debug for CaseContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseContext").field("left", &self.left()).finish_non_exhaustive()
    }
}
