//! The one door through which the reactor calls foreign code: protocols, factories, producers,
//! timers, tasks, observers, and the drop of any of them.
//!
//! Invariant: the reactor calls foreign code inside [`Core::catch`] or [`quietly`] alone, and no
//! `RefCell` of the reactor is borrowed there. A producer that is called from inside a transport's
//! `write` or `register_producer` runs within its caller's own call, and a panic of it is the
//! caller's.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use interfaces::{Address, Observer, ReactorEvent, panic_message};

use super::Core;
use crate::sys::StreamSys;

impl<S: StreamSys> Core<S> {
    /// Runs foreign code; a panic is caught, told to the observer, and returned as its message.
    /// Tasks that the call woke run before this returns.
    #[inline]
    pub(crate) fn call<R>(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        foreign: impl FnOnce() -> R,
    ) -> Result<R, Rc<str>> {
        let result = self.call_without_tasks(callback, peer, foreign);
        self.run_woken_tasks();
        result
    }

    /// As [`call`](Self::call), and runs no tasks.
    #[inline]
    pub(crate) fn call_without_tasks<R>(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        foreign: impl FnOnce() -> R,
    ) -> Result<R, Rc<str>> {
        self.catch(foreign).map_err(|payload| self.panicked(callback, peer, payload))
    }

    /// Drops what may hold the last reference to something foreign.
    pub(crate) fn drop_guarded<T>(&self, callback: &'static str, value: T) {
        drop(self.call_without_tasks(callback, None, || drop(value)));
    }

    /// Runs foreign code and catches its panic; the caller hands the payload to
    /// [`panicked`](Self::panicked).
    #[inline]
    pub(crate) fn catch<R>(&self, foreign: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
        let depth = &self.depth;
        depth.set(depth.get() + 1);
        let answer = panic::catch_unwind(AssertUnwindSafe(foreign));
        depth.set(depth.get() - 1);
        answer
    }

    /// Whether foreign code runs now.
    #[inline]
    pub(crate) fn in_foreign_call(&self) -> bool {
        self.depth.get() > 0
    }

    /// Tells the observer of a panic in foreign code, and returns its message.
    #[cold]
    pub(crate) fn panicked(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        payload: Box<dyn Any + Send>,
    ) -> Rc<str> {
        let message: Rc<str> = Rc::from(panic_message(&*payload));
        // The payload may panic again when it is dropped; then it is leaked.
        drop_quietly(payload);
        self.observe(&ReactorEvent::CallbackPanicked { callback, peer, message: &message });
        message
    }

    /// Tells the observer; a panic in it is ignored.
    pub(crate) fn observe(&self, event: &ReactorEvent<'_>) {
        let observer = Rc::clone(&self.observer.borrow());
        quietly(|| observer.observe(event));
    }

    /// Replaces the observer.
    pub(crate) fn set_observer(&self, observer: Rc<dyn Observer>) {
        let old = self.observer.replace(observer);
        drop(old);
    }
}

/// Drops values one by one, each with its panic caught: a panic during another one's unwinding would
/// end the process.
pub(super) fn drop_each<T>(values: Vec<T>) {
    values.into_iter().for_each(drop_quietly);
}

/// Runs foreign code and ignores its panic. The payload is leaked, as its drop may panic too.
pub(super) fn quietly(foreign: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(foreign)) {
        std::mem::forget(payload);
    }
}

/// Drops a value and ignores a panic of its drop.
pub(crate) fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}
