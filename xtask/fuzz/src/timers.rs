//! Fuzzes the timers of the reactor and of the test clock against a sorted map: calls that are made, moved, cancelled,
//! also from inside calls.
//!
//! Invariant: calls run by their time, and those of one time in the order in which they got it, or, on the clock, in
//! which they were made; there a call that is made or moved to this moment waits for the next `advance`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{DelayedCall, ReactorTime};
use protocol::testing::Clock;
use reactor::Reactor;

/// How many operations one input may make, those inside calls among them.
const STEPS_MAX: usize = 300;

/// An operation: two bytes.
type TimerStep = [u8; 2];

/// A call that ran, and the time in nanoseconds.
type Ran = (usize, u64);

/// A time in nanoseconds, and the order among those of one time.
type TimerPlace = (u64, u64);

/// What runs first of the calls of one time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ties {
    /// The one that was made first, on the clock.
    ByCreation,
    /// The one that got the time first, on a reactor.
    BySetting,
}

struct TimerWorld<T> {
    time: T,
    calls: RefCell<Vec<DelayedCall>>,
    ran: RefCell<Vec<Ran>>,
    left: RefCell<std::vec::IntoIter<TimerStep>>,
    ties: Ties,
    /// The place of each pending call, and the `advance` after which it can run.
    model: RefCell<BTreeMap<TimerPlace, (usize, Option<u64>)>>,
    order: Cell<u64>,
    advance: Cell<u64>,
    is_advancing: Cell<bool>,
    /// What the map says of the calls that ran.
    wanted: RefCell<Vec<Ran>>,
}

impl<T: ReactorTime + Clone + 'static> TimerWorld<T> {
    fn new(time: T, ties: Ties, steps: Vec<TimerStep>) -> Rc<Self> {
        Rc::new(Self {
            time,
            ties,
            calls: RefCell::default(),
            ran: RefCell::default(),
            left: RefCell::new(steps.into_iter()),
            model: RefCell::default(),
            order: Cell::default(),
            advance: Cell::default(),
            is_advancing: Cell::default(),
            wanted: RefCell::default(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.time.now().as_nanos()).expect("a short life")
    }

    fn place(&self, call: usize, time: u64) {
        self.model.borrow_mut().retain(|_, (placed, _)| *placed != call);
        self.order.set(self.order.get() + 1);
        let order = match self.ties {
            Ties::ByCreation => call as u64,
            Ties::BySetting => self.order.get(),
        };
        let waits = self.ties == Ties::ByCreation && self.is_advancing.get() && time <= self.now();
        let after = waits.then(|| self.advance.get());
        self.model.borrow_mut().insert((time, order), (call, after));
    }

    fn place_of(&self, call: usize) -> Option<TimerPlace> {
        let model = self.model.borrow();
        model.iter().find(|(_, (placed, _))| *placed == call).map(|(place, _)| *place)
    }

    /// The call that is to run now.
    fn first(&self) -> Option<TimerPlace> {
        let model = self.model.borrow();
        let can_run = |after: &Option<u64>| *after != Some(self.advance.get());
        model.iter().find(|(_, (_, after))| can_run(after)).map(|(place, _)| *place)
    }

    fn call_later(self: &Rc<Self>, delay: u64) {
        let (number, world) = (self.calls.borrow().len(), self.clone());
        let call = self.time.call_later(nanos(delay), Box::new(move || world.runs(number)));
        self.calls.borrow_mut().push(call);
        self.place(number, self.now() + delay);
    }

    /// A call runs, and does what the next step says.
    fn runs(self: &Rc<Self>, number: usize) {
        self.ran.borrow_mut().push((number, self.now()));
        let first = self.first().expect("one is pending");
        let (wanted, _) = self.model.borrow_mut().remove(&first).expect("it was there");
        self.wanted.borrow_mut().push((wanted, self.now()));
        let is_active = self.calls.borrow()[number].active();
        assert!(!is_active, "a call that runs is not pending");
        let step = self.left.borrow_mut().next();
        if let Some([what, with]) = step {
            self.step([what % 5, with]);
        }
    }

    /// Cancels, or moves, a call that may have run.
    fn step(self: &Rc<Self>, [what, with]: TimerStep) {
        let delay = u64::from(with % 32) * MILLISECOND;
        if what == 0 {
            return self.call_later(delay);
        }
        let count = self.calls.borrow().len();
        let Some(number) = usize::from(with).checked_rem(count) else { return };
        let call = self.calls.borrow()[number].clone();
        let place = self.place_of(number);
        assert_eq!(call.active(), place.is_some());
        assert_eq!(call.time(), place.map(|(time, _)| nanos(time)));
        let done = match what {
            1 => call.cancel(),
            2 => call.reset(nanos(delay)),
            3 => call.delay(nanos(delay)),
            _ => return,
        };
        assert_eq!(done.is_ok(), place.is_some());
        match (what, place) {
            (1, Some(place)) => drop(self.model.borrow_mut().remove(&place)),
            (2, Some(_)) => self.place(number, self.now() + delay),
            (3, Some((time, _))) => self.place(number, time + delay),
            _ => {}
        }
    }

    /// All steps, of which some let time pass by `advance`.
    fn live(self: &Rc<Self>, pass: impl Fn(&Self, u64)) {
        let advance = |world: &Self, time| {
            world.advance.set(world.advance.get() + 1);
            world.is_advancing.set(true);
            pass(world, time);
            world.is_advancing.set(false);
        };
        loop {
            let step = self.left.borrow_mut().next();
            match step {
                None => break,
                Some([what, with]) if what % 8 >= 5 => advance(self, u64::from(with) * MILLISECOND),
                Some([what, with]) => self.step([what % 8, with]),
            }
            assert_eq!(self.time.delayed_calls().len(), self.model.borrow().len());
        }
        while !self.model.borrow().is_empty() {
            advance(self, 1000 * MILLISECOND);
        }
        assert_eq!(*self.ran.borrow(), *self.wanted.borrow());
        assert!(self.time.delayed_calls().is_empty());
        self.calls.take();
    }
}

/// A millisecond in nanoseconds.
const MILLISECOND: u64 = 1_000_000;

fn nanos(time: u64) -> Duration {
    Duration::from_nanos(time)
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let steps: Vec<TimerStep> = data.as_chunks().0.iter().copied().take(STEPS_MAX).collect();
    let clock = Clock::new();
    let jump = clock.clone();
    TimerWorld::new(clock, Ties::ByCreation, steps.clone())
        .live(move |_, time| jump.advance(nanos(time)));
    let reactor = Reactor::simulated(1);
    let turning = reactor.clone();
    TimerWorld::new(reactor, Ties::BySetting, steps).live(move |world, time| {
        let end = world.now() + time;
        while world.now() < end {
            turning.turn(Some(nanos(end - world.now()))).expect("time passes");
        }
        while world
            .model
            .borrow()
            .first_key_value()
            .is_some_and(|((due, _), _)| *due <= world.now())
        {
            turning.turn(Some(Duration::ZERO)).expect("calls are due");
        }
    });
}
