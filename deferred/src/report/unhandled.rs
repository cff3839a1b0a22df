//! [`Unhandled`]: the reports that the hook gets about errors that no reader took.
//!
//! Twisted logs "Unhandled error in Deferred" when the garbage collector finds one.
//!
//! Invariant: a result that waits for its reader lives in an [`ReportOnDrop`], so an error is either
//! taken out by a reader or reported when it is dropped, never both.

use core::any::{Any, type_name};
use core::fmt;
use core::panic::Location;

use crate::error::safe_display::SafeDisplay;
use crate::error::{Cancelled, DeferredError, Failure};
use crate::report::{hook, quiet};

/// A report to the hook of [`set_unhandled_hook`](crate::set_unhandled_hook).
#[derive(Debug)]
#[non_exhaustive]
pub enum Unhandled<'a> {
    /// An error was dropped and no errback, no awaiting task had taken it.
    Error(UnhandledError<'a>),
    /// A promise was dropped unfired although its Deferred has a reader, which is cancelled right after.
    PromiseDropped {
        /// The name of the type that was promised.
        value: &'static str,
        /// Where the promise was made, if [`set_debugging`](crate::set_debugging) was on then.
        made_at: Option<&'static Location<'static>>,
    },
    /// An error passed a [`log_error`](crate::Deferred::log_error), and goes on its way.
    Logged(UnhandledError<'a>),
}

/// An error that no reader took, with its type still known.
pub struct UnhandledError<'a> {
    error: &'a dyn Any,
    shown: &'a dyn fmt::Debug,
    value: &'static str,
}

impl<'a> UnhandledError<'a> {
    fn new<T, E: DeferredError>(error: &'a E) -> Self {
        UnhandledError { error, shown: error, value: type_name::<T>() }
    }

    /// The failure, when the Deferred failed with the default error type.
    pub fn failure(&self) -> Option<&'a Failure> {
        self.error.downcast_ref()
    }

    /// The error, when the Deferred failed with an `E`.
    pub fn downcast_ref<E: 'static>(&self) -> Option<&'a E> {
        self.error.downcast_ref()
    }

    /// The name of the type that the Deferred would have given.
    pub fn value(&self) -> &'static str {
        self.value
    }
}

impl fmt::Display for UnhandledError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failure() {
            Some(failure) => {
                write!(f, "{failure:#}")?;
                match (failure.location(), failure.fired_at()) {
                    (Some(made), Some(fired)) => write!(f, " (made at {made}, fired at {fired})"),
                    (Some(made), None) => write!(f, " (made at {made})"),
                    (None, Some(fired)) => write!(f, " (fired at {fired})"),
                    (None, None) => Ok(()),
                }
            }
            None => SafeDisplay::debug(f, self.shown),
        }
    }
}

impl fmt::Debug for UnhandledError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SafeDisplay::debug(f, self.shown)
    }
}

impl fmt::Display for Unhandled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unhandled::Error(error) => {
                write!(f, "unhandled error in Deferred<{}>: {error}", error.value)
            }
            Unhandled::PromiseDropped { value, made_at } => {
                write!(f, "promise of {value}")?;
                if let Some(place) = made_at {
                    write!(f, " made at {place}")?;
                }
                f.write_str(" dropped unfired, its Deferred is cancelled")
            }
            Unhandled::Logged(error) => write!(f, "error in Deferred<{}>: {error}", error.value),
        }
    }
}

/// A result on its way: an error in it is reported when it is dropped instead of claimed.
pub(crate) struct ReportOnDrop<T: 'static, E: DeferredError>(Option<Result<T, E>>);

impl<T: 'static, E: DeferredError> ReportOnDrop<T, E> {
    #[inline]
    pub(crate) fn new(result: Result<T, E>) -> Self {
        ReportOnDrop(Some(result))
    }

    /// Takes the result out; dropping it is no longer reported.
    #[inline]
    pub(crate) fn claim(mut self) -> Option<Result<T, E>> {
        self.0.take()
    }

    #[inline]
    pub(crate) fn as_ref(&self) -> Option<&Result<T, E>> {
        self.0.as_ref()
    }

    pub(crate) fn as_mut(&mut self) -> Option<&mut Result<T, E>> {
        self.0.as_mut()
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

impl<T: 'static, E: DeferredError> Default for ReportOnDrop<T, E> {
    fn default() -> Self {
        ReportOnDrop(None)
    }
}

impl<T: 'static, E: DeferredError> Drop for ReportOnDrop<T, E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(Err(error)) = &self.0 {
            report::<T, E>(error);
        }
    }
}

/// An error on its way to becoming a `T` is dropped.
#[cold]
#[inline(never)]
fn report<T, E: DeferredError>(error: &E) {
    if !is_no_news(error) {
        tell::<T, E>(error);
    }
}

fn tell<T, E: DeferredError>(error: &E) {
    hook::call(&Unhandled::Error(UnhandledError::new::<T, E>(error)));
}

/// Whether an error is a cancellation that is not reported.
fn is_no_news(error: &dyn Any) -> bool {
    let is_marked = error.downcast_ref::<Failure>().is_some_and(Failure::is_quiet);
    is_marked || (quiet::is_quiet() && is_cancellation(error) == Some(true))
}

/// Whether an error, or a source of it, is a [`Cancelled`]; `None` for one whose type does not tell.
pub(crate) fn is_cancellation(error: &dyn Any) -> Option<bool> {
    if error.is::<Cancelled>() {
        return Some(true);
    }
    let failure = error.downcast_ref::<Failure>()?;
    Some(failure.sources().any(|source| source.is::<Cancelled>()))
}

/// A promise of a `T` was dropped although its Deferred has a reader.
pub(crate) fn promise_dropped<T>(made_at: Option<&'static Location<'static>>) {
    hook::call(&Unhandled::PromiseDropped { value: type_name::<T>(), made_at });
}

/// An error on its way to becoming a `T` is to be told to the hook.
pub(crate) fn log<T, E: DeferredError>(error: &E) {
    hook::call(&Unhandled::Logged(UnhandledError::new::<T, E>(error)));
}
