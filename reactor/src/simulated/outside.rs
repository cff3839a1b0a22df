//! The state shared with other threads: the waker, and the holds on the clock.
//!
//! Invariant: no wake is lost: one that comes before the wait ends it at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Changed under the lock, and read without it by a poll: a poll that finds nothing costs two loads.
#[derive(Debug, Default)]
pub(super) struct Outside {
    woken: AtomicBool,
    holds: AtomicUsize,
    change: Mutex<()>,
    changed: Condvar,
}

impl Outside {
    pub(super) fn wake(&self) {
        let change = self.lock();
        self.woken.store(true, Ordering::Release);
        drop(change);
        self.changed.notify_all();
    }

    pub(super) fn take_woken(&self) -> bool {
        self.is_woken() && self.woken.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_held(&self) -> bool {
        self.holds.load(Ordering::Acquire) > 0
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Waits on the real clock, without a limit, for a wake or the end of the last hold.
    pub(super) fn wait(&self) {
        let blocked = |_: &mut ()| !self.is_woken() && self.is_held();
        drop(self.changed.wait_while(self.lock(), blocked).unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // Each change is one assignment, so a poisoned lock guards a whole state.
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the simulated clock from jumping to the end of a timeout while a thread works, and a poll
/// from calling it a deadlock: instead the poll waits in real time until a thread wakes the reactor or
/// the last hold is dropped. Made by [`hold_clock`](super::Simulated::hold_clock); may be sent to
/// the thread.
#[derive(Debug)]
pub struct ClockHold(Arc<Outside>);

impl ClockHold {
    pub(super) fn new(outside: &Arc<Outside>) -> Self {
        outside.holds.fetch_add(1, Ordering::AcqRel);
        Self(outside.clone())
    }
}

impl Drop for ClockHold {
    fn drop(&mut self) {
        let change = self.0.lock();
        self.0.holds.fetch_sub(1, Ordering::AcqRel);
        drop(change);
        self.0.changed.notify_all();
    }
}
