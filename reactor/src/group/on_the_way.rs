//! [`OnTheWay`]: a connection between the member that has accepted it and the protocol that another one
//! builds for it.
//!
//! Invariant: a thread that reads a number which a connection has left sees what was done for it before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// The connections of a group that are on their way.
#[derive(Default)]
pub(super) struct Ways {
    number: AtomicUsize,
    /// The ports that wait for an arrival.
    waiting: Mutex<Vec<Waker>>,
}

/// One of them, until its drop.
pub(super) struct OnTheWay(Arc<Ways>);

impl Ways {
    /// One more.
    pub(super) fn begin(self: &Arc<Self>) -> OnTheWay {
        self.number.fetch_add(1, Ordering::Relaxed);
        OnTheWay(Arc::clone(self))
    }

    /// The number of those that are on their way.
    pub(super) fn number(&self) -> usize {
        self.number.load(Ordering::Acquire)
    }

    /// Wakes a port at the next arrival; at once, if none is on its way any more.
    pub(super) fn wake_at_arrival(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        drop(waiting);
        // The last one may have arrived before the waker was there.
        if self.number() == 0 {
            self.wake();
        }
    }

    fn wake(&self) {
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.iter().for_each(Waker::wake_by_ref);
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.0.number.fetch_sub(1, Ordering::Release);
        self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_port_that_waits_is_woken_once_by_the_next_arrival_and_at_once_without_one() {
        let (ways, calls) = (Arc::new(Ways::default()), Arc::new(Calls::default()));
        let (waker, woken) = (Waker::from(calls.clone()), || calls.0.load(Ordering::Relaxed));
        let both = [ways.begin(), ways.begin()];
        ways.wake_at_arrival(&waker);
        ways.wake_at_arrival(&waker);
        assert_eq!((ways.number(), woken()), (2, 0));
        drop(both);
        assert_eq!((ways.number(), woken()), (0, 1));
        ways.wake_at_arrival(&waker);
        assert_eq!(woken(), 2);
    }
}
