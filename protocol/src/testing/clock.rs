//! A clock that a test moves; Twisted's `task.Clock`.
//!
//! Invariant: a call is out of the list before it runs, and no borrow is alive then, so a call that
//! uses the clock or panics finds it in order.

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
/// - [`advance`](Self::advance) stops at each time at which a call is due, so that the call sees its own
///   time. Twisted's sets the new time first: a call that is made for a second later during `advance`
///   is a second later than the end.
/// - A call that is made for no delay while calls run waits for the next `advance`, as it waits for the
///   next turn of a reactor. Twisted's runs it in the same `advance`, and never returns from one that
///   makes itself again.
/// - A call that was moved to a time at which others are due runs in the order in which the calls
///   were made, not in which they were moved.
#[derive(Clone, Default)]
pub struct Clock {
    calls: Rc<Calls>,
}

#[derive(Default)]
struct Calls {
    now: Cell<Duration>,
    last_key: Cell<u64>,
    last_advance: Cell<u64>,
    /// The number of the `advance` that is under way.
    advance: Cell<Option<u64>>,
    /// In the order in which they run.
    queue: RefCell<BTreeMap<(Duration, TimerKey), Pending>>,
    /// When each is due: the other half of its key in `queue`.
    due: RefCell<BTreeMap<TimerKey, Duration>>,
}

struct Pending {
    call: Box<dyn FnOnce()>,
    /// The `advance` in which it was made for no delay: it waits for the next one.
    made_in: Option<u64>,
}

/// One `advance` under way. Its end sets the time, also when a call panicked.
struct Passing<'a> {
    calls: &'a Calls,
    until: Duration,
    /// The `advance` from inside which this one was called.
    outer: Option<u64>,
}

impl Clock {
    /// A clock at zero, with no pending calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass, and runs what becomes due, each call at its own time: what a call reads from the
    /// clock, and what it makes for later, counts from when it was due. A call that was made for a
    /// time within this `advance` runs in it, too.
    ///
    /// A call that is made or moved to no delay meanwhile runs in the next `advance`, as on a reactor
    /// in the next turn; so `advance(Duration::ZERO)` is one turn.
    pub fn advance(&self, time: Duration) {
        let passing = self.calls.begin(time);
        while let Some(call) = passing.next_due() {
            call();
        }
    }

    /// Lets time pass and runs nothing, as while a callback takes long: what becomes due meanwhile runs
    /// in the next [`advance`](Self::advance), and is late.
    ///
    /// Twisted's `advance` is this, and then `advance(Duration::ZERO)`.
    #[doc(alias = "advance")]
    pub fn elapse(&self, time: Duration) {
        self.calls.pass(self.calls.now.get().saturating_add(time));
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
    #[doc(alias = "getDelayedCalls")]
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

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        Self::delayed_calls(self)
    }
}

impl Calls {
    fn begin(&self, time: Duration) -> Passing<'_> {
        let number = self.last_advance.get() + 1;
        self.last_advance.set(number);
        let until = self.now.get().saturating_add(time);
        Passing { calls: self, until, outer: self.advance.replace(Some(number)) }
    }

    fn insert(&self, key: TimerKey, due: Duration, call: Box<dyn FnOnce()>) {
        let made_in = if due <= self.now.get() { self.advance.get() } else { None };
        self.due.borrow_mut().insert(key, due);
        self.queue.borrow_mut().insert((due, key), Pending { call, made_in });
    }

    fn remove(&self, key: TimerKey) -> Result<Box<dyn FnOnce()>, NotPending> {
        let due = self.due.borrow_mut().remove(&key).ok_or(NotPending)?;
        let pending = self.queue.borrow_mut().remove(&(due, key)).ok_or(NotPending)?;
        Ok(pending.call)
    }

    /// The first call that is due until then, and does not wait for the next `advance`.
    fn first_due(&self, until: Duration) -> Option<(Duration, TimerKey)> {
        let queue = self.queue.borrow();
        let mut due = queue.iter().take_while(|((due, _), _)| *due <= until);
        let waits =
            |pending: &Pending| pending.made_in.is_some_and(|it| Some(it) == self.advance.get());
        due.find(|(_, pending)| !waits(pending)).map(|(key, _)| *key)
    }

    /// Time never goes back.
    fn pass(&self, until: Duration) {
        self.now.set(self.now.get().max(until));
    }

    fn move_to(&self, key: TimerKey, due: Duration) -> Result<(), NotPending> {
        let call = self.remove(key)?;
        self.insert(key, due, call);
        Ok(())
    }
}

impl Passing<'_> {
    /// Takes the next call out, and moves the clock to the time at which it is due.
    fn next_due(&self) -> Option<Box<dyn FnOnce()>> {
        let (due, key) = self.calls.first_due(self.until)?;
        self.calls.pass(due);
        self.calls.remove(key).ok()
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.calls.pass(self.until);
        self.calls.advance.set(self.outer);
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
