//! What other threads may touch: the waker, and the hold on the clock.
//!
//! Invariant: no wake is lost: one that comes before the wait ends it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Outside {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    woken: bool,
    holds: usize,
}

impl Outside {
    pub(super) fn wake(&self) {
        self.lock().woken = true;
        self.changed.notify_all();
    }

    pub(super) fn take_woken(&self) -> bool {
        std::mem::take(&mut self.lock().woken)
    }

    pub(super) fn is_held(&self) -> bool {
        self.lock().holds > 0
    }

    /// Waits, for as long as it takes on the real clock, for a wake or the end of the last hold.
    pub(super) fn wait(&self) {
        let blocked = |state: &mut State| !state.woken && state.holds > 0;
        drop(self.changed.wait_while(self.lock(), blocked).unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment, so a thread that panicked left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the simulated clock from jumping to the end of a timeout while a thread works, and a poll
/// from calling it a deadlock: instead the poll waits, really, until something wakes the reactor or
/// the last hold is dropped. Made by [`hold_clock`](super::Simulated::hold_clock); may be sent to
/// the thread.
#[derive(Debug)]
pub struct ClockHold(Arc<Outside>);

impl ClockHold {
    pub(super) fn new(outside: &Arc<Outside>) -> Self {
        outside.lock().holds += 1;
        Self(outside.clone())
    }
}

impl Drop for ClockHold {
    fn drop(&mut self) {
        self.0.lock().holds -= 1;
        self.0.changed.notify_all();
    }
}
