//! A clock that a test moves; Twisted's `task.Clock`.
//!
//! Invariant: a call is out of the list before it runs, so whatever it does, also a panic, finds
//! the clock in order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;

use interfaces::delayed_call::{TimerKey, Timers};
use interfaces::{DelayedCall, NotPending, ReactorTime};

/// Time that passes only when told; a clone is the same clock. It begins at zero.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use interfaces::ReactorTime;
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let rung = Rc::new(Cell::new(false));
/// let bell = rung.clone();
/// clock.call_later(Duration::from_secs(60), Box::new(move || bell.set(true)));
/// clock.advance(Duration::from_secs(59));
/// assert!(!rung.get());
/// clock.advance(Duration::from_secs(1));
/// assert!(rung.get());
/// ```
///
/// # Differences from Twisted
///
/// A call that was moved to a time at which others are due runs in the order in which the calls
/// were made, not in which they were moved.
#[derive(Clone, Default)]
pub struct Clock {
    calls: Rc<Calls>,
}

#[derive(Default)]
struct Calls {
    now: Cell<Duration>,
    last_key: Cell<u64>,
    /// In the order in which they run.
    queue: RefCell<BTreeMap<(Duration, TimerKey), Box<dyn FnOnce()>>>,
    /// When each is due: the other half of its key in `queue`.
    due: RefCell<BTreeMap<TimerKey, Duration>>,
}

impl Clock {
    /// A clock at zero, with no pending calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass at once, then runs what has become due: each call sees the new time. A call
    /// that they make for no delay runs too, so one that does so for ever never returns.
    pub fn advance(&self, time: Duration) {
        self.calls.now.set(self.calls.now.get().saturating_add(time));
        while let Some(call) = self.calls.next_due() {
            call();
        }
    }

    /// [`advance`](Self::advance) by each of the times.
    pub fn pump(&self, times: impl IntoIterator<Item = Duration>) {
        for time in times {
            self.advance(time);
        }
    }

    /// How many calls are pending.
    pub fn pending(&self) -> usize {
        self.calls.due.borrow().len()
    }

    /// The pending calls, the next one first. Twisted's `getDelayedCalls`.
    pub fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.calls.queue.borrow().keys().map(|(_, key)| self.handle(*key)).collect()
    }

    fn handle(&self, key: TimerKey) -> DelayedCall {
        let timers: Weak<dyn Timers> = Rc::downgrade(&(self.calls.clone() as Rc<dyn Timers>));
        DelayedCall::new(timers, key)
    }
}

impl ReactorTime for Clock {
    fn now(&self) -> Duration {
        self.calls.now.get()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        let key = TimerKey(self.calls.last_key.get() + 1);
        self.calls.last_key.set(key.0);
        self.calls.insert(key, self.now().saturating_add(delay), call);
        self.handle(key)
    }
}

impl Calls {
    fn insert(&self, key: TimerKey, due: Duration, call: Box<dyn FnOnce()>) {
        self.due.borrow_mut().insert(key, due);
        self.queue.borrow_mut().insert((due, key), call);
    }

    fn remove(&self, key: TimerKey) -> Result<Box<dyn FnOnce()>, NotPending> {
        let due = self.due.borrow_mut().remove(&key).ok_or(NotPending)?;
        self.queue.borrow_mut().remove(&(due, key)).ok_or(NotPending)
    }

    fn next_due(&self) -> Option<Box<dyn FnOnce()>> {
        let (due, key) = self.queue.borrow().first_key_value().map(|(key, _)| *key)?;
        if due > self.now.get() {
            return None;
        }
        self.remove(key).ok()
    }

    fn move_to(&self, key: TimerKey, due: Duration) -> Result<(), NotPending> {
        let call = self.remove(key)?;
        self.insert(key, due, call);
        Ok(())
    }
}

impl Timers for Calls {
    fn time(&self, key: TimerKey) -> Option<Duration> {
        self.due.borrow().get(&key).copied()
    }

    fn cancel(&self, key: TimerKey) -> Result<(), NotPending> {
        // The closure is foreign: it is dropped here, when the borrows have ended.
        self.remove(key).map(drop)
    }

    fn reset(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        self.move_to(key, self.now.get().saturating_add(delay))
    }

    fn delay(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        let due = self.time(key).ok_or(NotPending)?;
        self.move_to(key, due.saturating_add(delay))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("now", &self.calls.now.get())
            .field("pending", &self.pending())
            .finish()
    }
}
