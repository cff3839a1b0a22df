//! The queue of calls from other threads, and the flag that says that the loop was woken.
//!
//! ```text
//!   push    adds a call, then sets `woken`; the first one since the last take wakes the loop
//!   take    clears `woken`, then takes all calls
//!   close   takes all calls; later ones are handed back
//! ```
//!
//! A call that its thread waits for is refused between two runs, and taken out when a run ends, so that its
//! thread does not wait for a run that may never come.
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
    home: Mutex<ThreadId>,
}

struct Arrived<T> {
    calls: Vec<T>,
    /// The places of those that their threads wait for.
    awaited: Vec<usize>,
    /// A run has ended, and no other one has begun.
    run_ended: bool,
    closed: bool,
}

impl<T> RemoteQueue<T> {
    /// An empty queue of the current thread's loop; `wake_loop` ends the wait of that loop.
    pub(crate) fn new(wake_loop: Box<dyn Fn() + Send + Sync>) -> Self {
        let (calls, awaited) = (Vec::new(), Vec::new());
        let arrived = Mutex::new(Arrived { calls, awaited, run_ended: false, closed: false });
        Self { arrived, wake_loop, woken: AtomicBool::new(false), home: Mutex::new(current().id()) }
    }

    /// Ends the loop's wait; once is enough for any number of reasons.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) && !self.is_at_home() {
            (self.wake_loop)();
        }
    }

    /// Whether the calling thread is the loop's own.
    pub(crate) fn is_at_home(&self) -> bool {
        current().id() == *self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop is the calling thread's from now on.
    pub(crate) fn move_home(&self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = current().id();
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

    /// As [`push`](Self::push), for a call that its thread waits for.
    pub(crate) fn push_awaited(&self, call: T) -> Result<(), T> {
        let mut arrived = self.lock();
        if arrived.closed || arrived.run_ended {
            return Err(call);
        }
        let place = arrived.calls.len();
        arrived.awaited.push(place);
        arrived.calls.push(call);
        drop(arrived);
        self.wake();
        Ok(())
    }

    /// A run begins.
    pub(crate) fn begin_run(&self) {
        self.lock().run_ended = false;
    }

    /// A run has ended: takes out the calls that their threads wait for.
    pub(crate) fn end_run(&self) -> Vec<T> {
        let mut arrived = self.lock();
        arrived.run_ended = true;
        let places = mem::take(&mut arrived.awaited);
        places.into_iter().rev().map(|place| arrived.calls.remove(place)).collect()
    }

    /// Takes the calls that arrived; from now on a new call wakes the loop again.
    pub(crate) fn take(&self) -> Vec<T> {
        if !self.woken.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        self.lock().take()
    }

    /// Takes the calls that arrived, and no more from now on.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut arrived = self.lock();
        arrived.closed = true;
        arrived.take()
    }

    /// No foreign code runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Arrived<T>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Arrived<T> {
    fn take(&mut self) -> Vec<T> {
        self.awaited.clear();
        mem::take(&mut self.calls)
    }
}
