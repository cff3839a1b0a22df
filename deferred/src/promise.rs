//! [`Promise`]: the half that fires. Twisted has no name for it, there it is the Deferred itself.
//!
//! Invariant: it fires once at most, because firing takes it.

use alloc::rc::Rc;
use core::fmt;

use crate::source::{Phase, Settle};
use crate::{Failure, Fault};

/// The half of a [`Deferred`](crate::Deferred) that fires it.
#[must_use = "a promise that is dropped unfired cancels whoever waits for it"]
pub struct Promise<T: 'static, E: Fault = Failure> {
    source: Option<Rc<dyn Settle<T, E>>>,
}

impl<T: 'static, E: Fault> Promise<T, E> {
    pub(crate) fn new(source: Rc<dyn Settle<T, E>>) -> Self {
        Promise { source: Some(source) }
    }

    /// Fires with a value.
    pub fn callback(self, value: T) {
        self.fire(Ok(value));
    }

    /// Fires with an error.
    pub fn errback(self, error: impl Into<E>) {
        self.fire(Err(error.into()));
    }

    /// Fires with either.
    pub fn fire(mut self, result: Result<T, E>) {
        if let Some(source) = self.source.take() {
            source.fire(result);
        }
    }

    /// Whether the Deferred was cancelled: what is fired now is swallowed.
    pub fn is_cancelled(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.phase() == Phase::Settled)
    }
}

impl<T: 'static, E: Fault> Drop for Promise<T, E> {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            source.abandon();
        }
    }
}

impl<T: 'static, E: Fault> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("cancelled", &self.is_cancelled()).finish()
    }
}
