//! The queue of calls from other threads, and the flag that says that the loop was woken.
//!
//! ```text
//!   push    adds a call, then sets `woken`; the first one since the last take wakes the loop
//!   take    clears `woken`, then takes all calls
//!   close   takes all calls; later ones are handed back
//! ```
//!
//! Invariant: a call is in the queue before `woken` is set, so a take that finds the flag set finds the
//! call too, and a loop that finds it clear may wait.

use std::mem;
use std::sync::PoisonError;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering, ThreadId, current};

/// Calls of type `T`, in the order of their arrival.
pub(crate) struct RemoteQueue<T> {
    arrived: Mutex<Arrived<T>>,
    wake_loop: Box<dyn Fn() + Send + Sync>,
    /// The loop was woken and has not begun its next turn.
    woken: AtomicBool,
    /// The loop's own thread, which looks at `woken` before it waits.
    home: ThreadId,
}

struct Arrived<T> {
    calls: Vec<T>,
    closed: bool,
}

impl<T> RemoteQueue<T> {
    /// An empty queue of the current thread's loop; `wake_loop` ends the wait of that loop.
    pub(crate) fn new(wake_loop: Box<dyn Fn() + Send + Sync>) -> Self {
        let arrived = Mutex::new(Arrived { calls: Vec::new(), closed: false });
        Self { arrived, wake_loop, woken: AtomicBool::new(false), home: current().id() }
    }

    /// Ends the loop's wait; once is enough for any number of reasons.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) && !self.is_at_home() {
            (self.wake_loop)();
        }
    }

    /// Whether the calling thread is the loop's own.
    pub(crate) fn is_at_home(&self) -> bool {
        current().id() == self.home
    }

    /// Whether there is a reason not to wait.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Adds a call and wakes the loop; a closed queue hands the call back.
    pub(crate) fn push(&self, call: T) -> Result<(), T> {
        let mut arrived = self.lock();
        if arrived.closed {
            return Err(call);
        }
        arrived.calls.push(call);
        drop(arrived);
        self.wake();
        Ok(())
    }

    /// Takes the calls that arrived; from now on a new call wakes the loop again.
    pub(crate) fn take(&self) -> Vec<T> {
        if !self.woken.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        mem::take(&mut self.lock().calls)
    }

    /// Takes the calls that arrived, and no more from now on.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut arrived = self.lock();
        arrived.closed = true;
        mem::take(&mut arrived.calls)
    }

    /// No foreign code runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Arrived<T>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
