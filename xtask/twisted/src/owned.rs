//! A value that belongs to the reactor's thread, in a Python object that any thread may drop.
//!
//! Invariant: the value is lent, changed and dropped on the thread that made it, and nowhere else.

use std::mem::ManuallyDrop;
use std::sync::Arc;

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

/// A value of one thread. Other threads get an error; when one of them drops it (Python collects its garbage
/// on any thread), the value is dropped by the reactor in a later turn, or left behind when the reactor is
/// gone.
pub(crate) struct Owned<T: 'static> {
    value: ManuallyDrop<T>,
    thread: usize,
    remote: Arc<dyn FromThread>,
}

// SAFETY: of another thread's methods, `get` refuses and `drop` only moves the value's bytes into a box that
// goes to the owner's thread; `remote` is Send and Sync itself.
unsafe impl<T> Send for Owned<T> {}
// SAFETY: a shared reference gives access by `get` alone, which lends the value to its own thread only.
unsafe impl<T> Sync for Owned<T> {}

impl<T: 'static> Owned<T> {
    /// Keeps a value of this thread, which is the reactor's.
    pub(crate) fn new(value: T, remote: &Arc<dyn FromThread>) -> Self {
        let remote = Arc::clone(remote);
        Self { value: ManuallyDrop::new(value), thread: this_thread(), remote }
    }

    /// Lends the value to its thread.
    ///
    /// # Errors
    ///
    /// `RuntimeError` on another thread.
    pub(crate) fn get(&self) -> PyResult<&T> {
        if this_thread() == self.thread {
            return Ok(&self.value);
        }
        let why = "only the reactor's thread may use this: go there by reactor.callFromThread";
        Err(PyRuntimeError::new_err(why))
    }

    /// The handle of the reactor's thread.
    pub(crate) fn remote(&self) -> &Arc<dyn FromThread> {
        &self.remote
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, as this is the end of `self`.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        if this_thread() == self.thread {
            drop(value);
            return;
        }
        let parcel = Parcel(ManuallyDrop::new(value));
        self.remote.call_from_thread(Box::new(move || parcel.open()));
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
