//! A value that belongs to the reactor's thread, in a Python object that any thread may drop.
//!
//! A reactor may be made on one thread and run on another: between two turns it belongs to the thread that
//! uses it. Invariant: the value is lent, changed and dropped on the reactor's thread, and nowhere else.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use interfaces::FromThread;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

thread_local! {
    /// Its address tells a thread from all others that live. A thread that begins after the owner's end may
    /// have the same, and takes its place then: Python's lock orders the two.
    static MARK: u8 = const { 0 };
}

fn this_thread() -> usize {
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// The thread of a reactor.
pub(crate) struct Home {
    thread: AtomicUsize,
    /// How many turns are under way, one inside the other.
    turns: AtomicUsize,
    remote: Arc<dyn FromThread>,
}

impl Home {
    /// The calling thread, for the reactor of this handle.
    pub(crate) fn new(remote: Arc<dyn FromThread>) -> Arc<Self> {
        let (thread, turns) = (AtomicUsize::new(this_thread()), AtomicUsize::new(0));
        Arc::new(Self { thread, turns, remote })
    }

    /// The handle of the reactor, for other threads.
    pub(crate) fn remote(&self) -> &Arc<dyn FromThread> {
        &self.remote
    }

    /// Whether the caller is on the reactor's thread; where no turn is under way, it is from now on.
    fn is_here(&self) -> bool {
        let this = this_thread();
        if self.thread.load(Relaxed) == this {
            return true;
        }
        if self.is_turning() {
            return false;
        }
        self.thread.store(this, Relaxed);
        true
    }

    /// Whether a turn is under way.
    pub(crate) fn is_turning(&self) -> bool {
        self.turns.load(Relaxed) > 0
    }

    /// Runs a turn, during which other threads are refused.
    pub(crate) fn during_turn<R>(&self, turn: impl FnOnce() -> R) -> R {
        self.turns.fetch_add(1, Relaxed);
        let turned = turn();
        self.turns.fetch_sub(1, Relaxed);
        turned
    }
}

/// A value of the reactor's thread. Other threads get an error while the reactor runs; when one of them drops
/// it (Python collects its garbage on any thread), the value is dropped by the reactor in a later turn, or left
/// behind when the reactor is gone.
pub(crate) struct Owned<T: 'static> {
    value: ManuallyDrop<T>,
    home: Arc<Home>,
}

// SAFETY: Python's lock, which every caller here holds, lets one thread at a time in, and orders what they do. It
// is let go of while the reactor waits, which is inside a turn, when `get` refuses other threads; and where Python
// code runs, when nothing is borrowed, so that what another thread does is what that code might do itself. `drop`
// only moves the value's bytes into a box that goes to the owner's thread; `home` is Send and Sync itself.
unsafe impl<T> Send for Owned<T> {}
// SAFETY: a shared reference gives access by `get` alone, which lends the value to its own thread only.
unsafe impl<T> Sync for Owned<T> {}

impl<T: 'static> Owned<T> {
    /// Keeps a value of a reactor.
    pub(crate) fn new(value: T, home: &Arc<Home>) -> Self {
        Self { value: ManuallyDrop::new(value), home: Arc::clone(home) }
    }

    /// Lends the value to the reactor's thread.
    ///
    /// # Errors
    ///
    /// `RuntimeError` on another thread, while the reactor runs.
    pub(crate) fn get(&self) -> PyResult<&T> {
        if self.home.is_here() {
            return Ok(&self.value);
        }
        let why = "only the reactor's thread may use this: go there by reactor.callFromThread";
        Err(PyRuntimeError::new_err(why))
    }

    /// The reactor's thread.
    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.home
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, as this is the end of `self`.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        if this_thread() == self.home.thread.load(Relaxed) {
            drop(value);
            return;
        }
        let parcel = Parcel(ManuallyDrop::new(value));
        self.home.remote.call_from_thread(Box::new(move || parcel.open()));
    }
}

/// A value on its way to its thread. One that does not arrive is left behind.
struct Parcel<T>(ManuallyDrop<T>);

// SAFETY: it is opened by the queue of the reactor's thread alone; a queue that drops it unopened leaves the
// value as it is.
unsafe impl<T> Send for Parcel<T> {}

impl<T> Parcel<T> {
    fn open(self) {
        drop(ManuallyDrop::into_inner(self.0));
    }
}
