//! Delayed calls against a model: random programs, which ask for calls, move them and take them
//! back, between the turns and from inside calls, on a clock that jumps by anything up to years.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{DelayedCall, NotPending, ReactorTime as _};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Simulated};
use testkit::Dice;

/// The furthest time that a clock counts to.
const NEVER: Duration = Duration::from_nanos(u64::MAX);

/// How long a poll of the simulated system takes that does not wait.
const TICK: Duration = Duration::from_micros(1);

/// A reactor on a clock that passes only while it is waited for.
fn on_time(seed: u64) -> Reactor<Simulated> {
    let reactor = Reactor::simulated(seed);
    reactor.system().set_faults(Faults::none());
    reactor
}

/// When a call is due, and after how many others it was asked for or moved.
type Turn = (Duration, u64);

struct Call {
    handle: DelayedCall,
    turn: Turn,
    /// The phase of due calls in which it was asked for or moved, if one ran.
    phase: Option<usize>,
}

struct Program {
    reactor: Reactor<Simulated>,
    dice: Dice,
    calls: RefCell<BTreeMap<u64, Call>>,
    order: RefCell<BTreeMap<Turn, u64>>,
    /// How many calls were asked for or moved.
    asked: Cell<u64>,
    ran: Cell<u64>,
    operations: Cell<usize>,
    phase: Cell<usize>,
    inside: Cell<bool>,
}

impl Program {
    fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            reactor: on_time(seed),
            dice: Dice::new(seed),
            calls: RefCell::default(),
            order: RefCell::default(),
            asked: Cell::new(0),
            ran: Cell::new(0),
            operations: Cell::new(0),
            phase: Cell::new(0),
            inside: Cell::new(false),
        })
    }

    fn below(&self, limit: u64) -> u64 {
        self.dice.next_u64() % limit
    }

    /// Of any size, often one that others have too.
    fn delay(&self) -> Duration {
        match self.below(20) {
            0..4 => Duration::ZERO,
            4..8 => Duration::from_nanos(self.below(4)),
            8 => Duration::MAX,
            9..13 => Duration::from_millis(self.below(5) * 250),
            _ => Duration::from_nanos(self.below(1 << 55) >> self.below(55)),
        }
    }

    /// One random operation, checked against the model.
    fn operate(self: &Rc<Self>) {
        self.operations.set(self.operations.get() + 1);
        let pending = self.calls.borrow().len() as u64;
        let chosen = self.below(pending.max(1)) as usize;
        let known = self.calls.borrow().keys().nth(chosen).copied();
        match (self.below(8), known) {
            (0..4, _) | (_, None) => self.ask(),
            (4, Some(id)) => self.cancel(id),
            (5 | 6, Some(id)) => self.reset(id),
            (_, Some(id)) => self.put_off(id),
        }
    }

    fn ask(self: &Rc<Self>) {
        let (delay, id) = (self.delay(), self.asked.get());
        let program = Rc::downgrade(self);
        let call = move || program.upgrade().unwrap().run(id);
        let handle = self.reactor.call_later(delay, call);
        let due = self.reactor.now().saturating_add(delay);
        self.plan(id, handle, due);
    }

    fn cancel(&self, id: u64) {
        let call = self.calls.borrow_mut().remove(&id).unwrap();
        self.order.borrow_mut().remove(&call.turn).unwrap();
        assert_eq!(call.handle.cancel(), Ok(()));
        assert_eq!(call.handle.cancel(), Err(NotPending));
        assert_eq!(call.handle.reset(Duration::ZERO), Err(NotPending));
    }

    fn reset(&self, id: u64) {
        let (handle, delay) = (self.forget(id).handle, self.delay());
        assert_eq!(handle.reset(delay), Ok(()));
        let due = self.reactor.now().saturating_add(delay);
        self.plan(id, handle, due);
    }

    fn put_off(&self, id: u64) {
        let (call, delay) = (self.forget(id), self.delay());
        assert_eq!(call.handle.delay(delay), Ok(()));
        self.plan(id, call.handle, call.turn.0.saturating_add(delay));
    }

    fn forget(&self, id: u64) -> Call {
        let call = self.calls.borrow_mut().remove(&id).unwrap();
        self.order.borrow_mut().remove(&call.turn).unwrap();
        call
    }

    fn plan(&self, id: u64, handle: DelayedCall, due: Duration) {
        let turn = (due.min(NEVER), self.asked.get());
        self.asked.set(self.asked.get() + 1);
        assert_eq!(handle.time(), Some(turn.0));
        let phase = self.inside.get().then(|| self.phase.get());
        self.order.borrow_mut().insert(turn, id);
        self.calls.borrow_mut().insert(id, Call { handle, turn, phase });
        assert_eq!(self.reactor.counts().timers, self.calls.borrow().len());
    }

    /// What each call does.
    fn run(self: &Rc<Self>, id: u64) {
        let first = self.order.borrow().first_key_value().map(|(turn, id)| (*turn, *id));
        let call = self.forget(id);
        assert_eq!(first, Some((call.turn, id)), "it is the soonest of all");
        assert!(call.turn.0 <= self.reactor.now(), "it is due");
        assert_ne!(call.phase, Some(self.phase.get()), "it was there when the phase began");
        assert!(!call.handle.active());
        self.ran.set(self.ran.get() + 1);
        self.inside.set(true);
        for _ in 0..self.below(3) {
            self.operate();
        }
        self.inside.set(false);
    }

    /// A turn, which waits exactly until the soonest call is due.
    fn turn(&self, wait_at_most: Option<Duration>) {
        self.phase.set(self.phase.get() + 1);
        let before = self.reactor.now();
        self.reactor.turn(wait_at_most).unwrap();
        let Some(((due, _), _)) = self.order.borrow().first_key_value().map(|(k, v)| (*k, *v))
        else {
            return;
        };
        let limit = wait_at_most.map_or(NEVER, |wait| before.saturating_add(wait));
        let woken = due.min(limit).max(before);
        let now = self.reactor.now();
        assert!(woken <= now && now <= woken + TICK, "{now:?} instead of {woken:?}");
    }
}

#[test]
fn a_quarter_of_a_million_operations_agree_with_an_ordered_map() {
    let (mut operations, mut ran) = (0, 0);
    for seed in 1..=250 {
        let program = Program::new(seed);
        while program.operations.get() < 1000 {
            for _ in 0..program.below(1 << program.below(9)) {
                program.operate();
            }
            let wait = program.below(1 << 55) >> program.below(55);
            program.turn(Some(Duration::from_nanos(wait)));
        }
        operations += program.operations.get();
        ran += program.ran.get();
        let pending: Vec<_> = program.calls.borrow().keys().copied().collect();
        pending.into_iter().for_each(|id| program.cancel(id));
        assert_eq!(program.reactor.counts().timers, 0);
    }
    assert!(operations >= 250_000 && ran > 50_000, "{operations} operations, {ran} calls");
}

#[test]
fn an_idle_reactor_sleeps_through_years_in_one_turn() {
    let reactor = on_time(1);
    let (year, ran) = (Duration::from_secs(365 * 24 * 60 * 60), Rc::new(Cell::new(0)));
    let count = ran.clone();
    let begun = reactor.now();
    reactor.call_later(100 * year, move || count.set(count.get() + 1));
    reactor.turn(None).unwrap();
    assert_eq!((reactor.now(), ran.get()), (begun + 100 * year, 0));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.get(), 1);
}

/// More than a list holds before it is dealt out.
const MANY: usize = 100_000;

#[test]
fn a_hundred_thousand_calls_for_one_instant_run_in_one_turn_in_the_order_of_asking() {
    let reactor = on_time(1);
    let story = Rc::new(RefCell::new(Vec::new()));
    for number in 0..MANY {
        let (story, later) = (story.clone(), reactor.clone());
        reactor.call_later(Duration::from_secs(1), move || {
            story.borrow_mut().push(number);
            let story = story.clone();
            later.call_later(Duration::ZERO, move || story.borrow_mut().push(MANY + number));
        });
    }
    reactor.turn(None).unwrap();
    assert_eq!(story.borrow().len(), 0);
    reactor.turn(None).unwrap();
    assert_eq!(*story.borrow(), (0..MANY).collect::<Vec<_>>());
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(*story.borrow(), (0..2 * MANY).collect::<Vec<_>>());
}
