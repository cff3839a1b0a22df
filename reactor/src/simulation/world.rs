//! [`SimulatedWorld`]: what a test of a whole program has at hand, in one run.
//!
//! Invariant: the first failure of a run is the one that is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::{Deferred, DeferredError};
use interfaces::{Factory, Observer, ReactorEvent, panic_message};

use super::barrier::Barrier;
use super::byte_stream::ByteStream;
use super::checked::CheckedFactory;
use super::hooks;
use crate::reactor::Reactor;
use crate::simulated::Simulated;
use crate::simulated::recording::RecordedLife;

/// One run: a reactor on a simulated network, the choices of its seed, and its invariants. A clone is the same
/// run.
///
/// It is handed to the closure of [`simulate`](super::simulate), which sets the program up; the run goes on
/// after the closure has returned.
#[derive(Clone)]
pub struct SimulatedWorld(pub(super) Rc<WorldState>);

pub(super) struct WorldState {
    pub(super) reactor: Reactor<Simulated>,
    seed: u64,
    failure: RefCell<Option<Failed>>,
    pub(super) turn_checks: RefCell<Vec<(String, Check)>>,
    pub(super) end_checks: RefCell<Vec<(String, Check)>>,
    barriers: RefCell<BTreeMap<String, Barrier>>,
    /// The protocols of checked factories that live.
    pub(super) protocols: Rc<Cell<usize>>,
    pub(super) time_limit: Cell<Duration>,
    pub(super) may_stay_open: Cell<bool>,
    pub(super) may_fail_unhandled: Cell<bool>,
}

type Check = Box<dyn Fn() -> Result<(), String>>;

/// The first failure, and the open sockets of that moment.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) what: String,
    pub(super) sockets: String,
    pub(super) time: Duration,
    /// The life of the connection that was used last, where the trace is kept.
    pub(super) life: Option<RecordedLife>,
}

impl SimulatedWorld {
    pub(super) fn new(reactor: &Reactor<Simulated>, seed: u64) -> Self {
        let state = WorldState {
            reactor: reactor.clone(),
            seed,
            failure: RefCell::default(),
            turn_checks: RefCell::default(),
            end_checks: RefCell::default(),
            barriers: RefCell::default(),
            protocols: Rc::default(),
            time_limit: Cell::new(Duration::from_secs(3600)),
            may_stay_open: Cell::new(false),
            may_fail_unhandled: Cell::new(false),
        };
        let world = Self(Rc::new(state));
        reactor.set_observer(Rc::new(Witness(Rc::downgrade(&world.0))));
        world
    }

    /// The reactor that the program runs on.
    pub fn reactor(&self) -> &Reactor<Simulated> {
        &self.0.reactor
    }

    /// The network, for its faults, links, partitions, hosts and programs.
    pub fn network(&self) -> &Simulated {
        self.0.reactor.system()
    }

    /// The seed, for random numbers that the program draws by itself: those of a key exchange, of a hash map.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Draws one of `0..limit` from the seed; 0 for a limit of 0. Shrinking prefers small answers, so let 0 be the
    /// simplest.
    pub fn choose(&self, limit: usize) -> usize {
        self.network().choose(limit as u64) as usize
    }

    /// Whether one of `count` equal chances is drawn.
    pub fn one_in(&self, count: usize) -> bool {
        count > 0 && self.choose(count) == count - 1
    }

    /// A delay of at most this, drawn from the seed, to the microsecond.
    pub fn delay(&self, at_most: Duration) -> Duration {
        let micros = u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.network().choose(micros.saturating_add(1)))
    }

    /// Fails the run with this text. To be called where a panic would be caught, or from anywhere else; the first
    /// failure counts.
    pub fn fail(&self, what: impl Into<String>) {
        self.0.fail(what.into());
    }

    /// A factory whose connections are checked: `connection_made` comes first, `connection_lost` once and last,
    /// and every protocol is dropped by the end of the run.
    pub fn checked(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        Rc::new(CheckedFactory::new(factory, &self.0))
    }

    /// A direction of bytes from one protocol to another, whose two ends note what they send and receive: none
    /// may be lost, doubled or reordered before a clean close.
    pub fn byte_stream(&self, name: &str) -> ByteStream {
        ByteStream::new(name, &self.0)
    }

    /// Checks that this Deferred fires, or is cancelled, by the end of the run. Passes its result on.
    pub fn must_fire<T: 'static, E: DeferredError>(
        &self,
        name: &str,
        deferred: Deferred<T, E>,
    ) -> Deferred<T, E> {
        let fired = Rc::new(Cell::new(false));
        let seen = fired.clone();
        self.at_end(name, move || match seen.get() {
            true => Ok(()),
            false => Err("the Deferred has not fired, and nothing happens any more".to_owned()),
        });
        deferred.add_both(move |result| {
            fired.set(true);
            result
        })
    }

    /// Checks this after every turn of the reactor; the error, or a panic, says what is wrong.
    pub fn always(&self, name: &str, check: impl Fn() -> Result<(), String> + 'static) {
        self.0.turn_checks.borrow_mut().push((name.to_owned(), Box::new(check)));
    }

    /// Checks this when nothing happens any more, or the time limit is over, before the reactor stops.
    pub fn at_end(&self, name: &str, check: impl Fn() -> Result<(), String> + 'static) {
        self.0.end_checks.borrow_mut().push((name.to_owned(), Box::new(check)));
    }

    /// The barrier of this name, which is open at first.
    pub fn barrier(&self, name: &str) -> Barrier {
        self.0.barriers.borrow_mut().entry(name.to_owned()).or_default().clone()
    }

    /// Stops the reactor after this time of the network, if things happen for so long. Default an hour.
    pub fn stop_after(&self, time: Duration) {
        self.0.time_limit.set(time);
    }

    /// Allows connections to be open when nothing happens any more; otherwise the run fails then. For a program
    /// that waits for a peer outside of the test.
    pub fn allow_open(&self) {
        self.0.may_stay_open.set(true);
    }

    /// Allows errors that no errback takes; otherwise the run fails, as a test of Twisted's trial does.
    pub fn allow_unhandled(&self) {
        self.0.may_fail_unhandled.set(true);
    }
}

impl fmt::Debug for SimulatedWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedWorld").field("seed", &self.0.seed).finish_non_exhaustive()
    }
}

impl WorldState {
    pub(super) fn fail(&self, what: String) {
        if self.has_failed() {
            return;
        }
        let network = self.reactor.system();
        let (sockets, time) = (network.socket_table(), network.time());
        let failed = Failed { what, sockets, time, life: network.last_life() };
        *self.failure.borrow_mut() = Some(failed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    pub(super) fn take_failure(&self) -> Option<Failed> {
        self.failure.take()
    }

    /// Makes checks, none of which is borrowed meanwhile: one may add others.
    pub(super) fn make(&self, checks: &RefCell<Vec<(String, Check)>>) {
        let taken = checks.take();
        for (name, check) in &taken {
            let caught = panic::catch_unwind(AssertUnwindSafe(check));
            let checked = caught.unwrap_or_else(|payload| {
                let place = hooks::panic_place().unwrap_or_default();
                Err(format!("it panicked at {place}: {}", panic_message(&*payload)))
            });
            if let Err(problem) = checked {
                self.fail(format!("{name}: {problem}"));
            }
        }
        let added = checks.replace(taken);
        checks.borrow_mut().extend(added);
    }

    /// Fails for an error that no reader took.
    pub(super) fn look_at_unhandled(&self) {
        if let Some(unhandled) = hooks::take_unhandled()
            && !self.may_fail_unhandled.get()
        {
            self.fail(unhandled);
        }
    }
}

/// Fails the run for a panic in a callback.
struct Witness(Weak<WorldState>);

impl Observer for Witness {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let Some(world) = self.0.upgrade() else { return };
        if let ReactorEvent::CallbackPanicked { callback, message, .. } = event {
            let place = hooks::panic_place().unwrap_or_default();
            world.fail(format!("a {callback} panicked at {place}: {message}"));
        }
    }
}
