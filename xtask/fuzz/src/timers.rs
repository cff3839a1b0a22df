//! Fuzzes the timers of the reactor and of the test clock against a sorted map: calls that are made, moved, cancelled,
//! also from inside calls.
//!
//! Invariant: calls run by their time, and those of one time in the order in which they got it.

use std::cell::RefCell;
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

/// A call that ran, and the time in milliseconds.
type Ran = (usize, u64);

struct TimerWorld<T> {
    time: T,
    calls: RefCell<Vec<DelayedCall>>,
    ran: RefCell<Vec<Ran>>,
    left: RefCell<std::vec::IntoIter<TimerStep>>,
    /// The place of each pending call: its time and its order.
    model: RefCell<BTreeMap<(u64, u64), usize>>,
    order: RefCell<u64>,
    /// What the map says of the calls that ran.
    wanted: RefCell<Vec<Ran>>,
}

impl<T: ReactorTime + Clone + 'static> TimerWorld<T> {
    fn new(time: T, steps: Vec<TimerStep>) -> Rc<Self> {
        Rc::new(Self {
            time,
            calls: RefCell::default(),
            ran: RefCell::default(),
            left: RefCell::new(steps.into_iter()),
            model: RefCell::default(),
            order: RefCell::default(),
            wanted: RefCell::default(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.time.now().as_millis()).expect("a short life")
    }

    fn place(&self, call: usize, time: u64) {
        self.model.borrow_mut().retain(|_, placed| *placed != call);
        let mut order = self.order.borrow_mut();
        *order += 1;
        self.model.borrow_mut().insert((time, *order), call);
    }

    fn place_of(&self, call: usize) -> Option<(u64, u64)> {
        self.model.borrow().iter().find(|(_, placed)| **placed == call).map(|(place, _)| *place)
    }

    fn call_later(self: &Rc<Self>, delay: u64) {
        let (number, world) = (self.calls.borrow().len(), self.clone());
        let call = self.time.call_later(millis(delay), Box::new(move || world.runs(number)));
        self.calls.borrow_mut().push(call);
        self.place(number, self.now() + delay);
    }

    /// A call runs, and does what the next step says.
    fn runs(self: &Rc<Self>, number: usize) {
        self.ran.borrow_mut().push((number, self.now()));
        let first = self.model.borrow_mut().pop_first();
        let (_, wanted) = first.expect("one is pending");
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
        let delay = u64::from(with % 32);
        if what == 0 {
            return self.call_later(delay);
        }
        let count = self.calls.borrow().len();
        let Some(number) = usize::from(with).checked_rem(count) else { return };
        let call = self.calls.borrow()[number].clone();
        let place = self.place_of(number);
        assert_eq!(call.active(), place.is_some());
        assert_eq!(call.time(), place.map(|(time, _)| millis(time)));
        let done = match what {
            1 => call.cancel(),
            2 => call.reset(millis(delay)),
            3 => call.delay(millis(delay)),
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
    fn live(self: &Rc<Self>, advance: impl Fn(&Self, u64)) {
        loop {
            let step = self.left.borrow_mut().next();
            match step {
                None => break,
                Some([what, with]) if what % 8 >= 5 => advance(self, u64::from(with)),
                Some([what, with]) => self.step([what % 8, with]),
            }
            assert_eq!(self.time.delayed_calls().len(), self.model.borrow().len());
        }
        while !self.model.borrow().is_empty() {
            advance(self, 1000);
        }
        assert_eq!(*self.ran.borrow(), *self.wanted.borrow());
        assert!(self.time.delayed_calls().is_empty());
        self.calls.take();
    }
}

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let steps: Vec<TimerStep> = data.as_chunks().0.iter().copied().take(STEPS_MAX).collect();
    let clock = Clock::new();
    let jump = clock.clone();
    TimerWorld::new(clock, steps.clone()).live(move |_, time| jump.advance(millis(time)));
    let reactor = Reactor::simulated(1);
    let turning = reactor.clone();
    TimerWorld::new(reactor, steps).live(move |world, time| {
        let end = world.now() + time;
        while world.now() < end {
            turning.turn(Some(millis(end - world.now()))).expect("time passes");
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
