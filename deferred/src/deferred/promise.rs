//! [`Promise`]: the half that fires a Deferred; in Twisted the Deferred itself.
//!
//! Invariant: it fires once at most, because firing takes it.

use alloc::rc::Rc;
use core::fmt;

use crate::chain::node::{self, Phase, Settle};
use crate::error::{DeferredError, Failure, debugging};

/// The half of a [`Deferred`](crate::Deferred) that fires it. Made with it by
/// [`Deferred::new`](crate::Deferred::new), and kept by the code that does the work.
///
/// Firing runs the callbacks inside the firing call, so fire when your own state is in order and
/// nothing is borrowed. After the Deferred was cancelled, a result that is fired is dropped and not reported.
///
/// # Differences from Twisted
///
/// A promise that is dropped unfired cancels the reader of its Deferred, and the hook of
/// [`set_unhandled_hook`](crate::set_unhandled_hook) is told; in Twisted it waits for ever. When
/// there is none, because the Deferred was dropped without a callback, nothing happens.
#[must_use = "a promise that is dropped unfired cancels the reader of its Deferred"]
pub struct Promise<T: 'static, E: DeferredError = Failure> {
    state: Option<Rc<dyn Settle<T, E>>>,
}

impl<T: 'static, E: DeferredError> Promise<T, E> {
    #[inline]
    pub(crate) fn new(state: Rc<dyn Settle<T, E>>) -> Self {
        Promise { state: Some(state) }
    }

    /// Fires with a value; Twisted's `callback`.
    #[track_caller]
    #[inline]
    pub fn callback(self, value: T) {
        self.fire(Ok(value));
    }

    /// Fires with an error; Twisted's `errback`.
    #[track_caller]
    #[inline]
    pub fn errback(self, error: impl Into<E>) {
        self.fire(Err(error.into()));
    }

    /// Fires with a value or an error.
    #[track_caller]
    #[inline(always)] // so that a result which is made for the call is made in its place
    pub fn fire(mut self, result: Result<T, E>) {
        let Some(state) = self.state.take() else { return };
        match state.accept_pending() {
            Some(cell) => {
                cell.put(result);
                node::advance(Some(state));
            }
            None => node::fire_recording(state, result, debugging::caller()),
        }
    }

    /// Gives it to the end of another chain, which is to fire it.
    pub(crate) fn into_state(mut self) -> Option<Rc<dyn Settle<T, E>>> {
        self.state.take()
    }

    /// Whether its result would be seen: the Deferred is held, or it has a callback.
    pub(crate) fn is_heard(&self) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|it| Rc::strong_count(it) > 1 || it.cell().has_reader())
    }

    /// Whether the Deferred was cancelled, so that what is fired now is swallowed. For work that
    /// asks from time to time whether it is still wanted; a canceller is told at once.
    pub fn is_cancelled(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.phase() == Phase::Settled)
    }
}

impl<T: 'static, E: DeferredError> Drop for Promise<T, E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            state.abandon();
        }
    }
}

impl<T: 'static, E: DeferredError> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("cancelled", &self.is_cancelled()).finish()
    }
}
