//! [`maybe_deferred`] and [`execute`]: calling a function that may or may not be done when it
//! returns.
//!
//! Invariant: the function is called before they return.

use crate::deferred::{Deferred, IntoDeferred};
use crate::error::DeferredError;

/// Calls `function` and makes a Deferred of what it returns, whether that is there or comes later.
/// Twisted's `maybeDeferred`.
///
/// For code that calls a function of either kind.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, IntoDeferred, maybe_deferred};
///
/// fn doubled<R: IntoDeferred<Value = u32>>(ask: impl FnOnce() -> R) -> Deferred<u32, R::Error> {
///     maybe_deferred(ask).add_callback(|n| Ok(2 * n))
/// }
///
/// let (later, promise) = Deferred::<u32>::new();
/// let now = doubled(|| Ok::<_, ropewalk_deferred::Failure>(4));
/// let later = doubled(|| later);
/// promise.callback(5);
/// assert_eq!(now.try_into_result().unwrap().unwrap(), 8);
/// assert_eq!(later.try_into_result().unwrap().unwrap(), 10);
/// ```
///
/// # Differences from Twisted
///
/// What a function raises in Twisted it returns here.
#[doc(alias = "maybeDeferred")]
pub fn maybe_deferred<R: IntoDeferred>(
    function: impl FnOnce() -> R,
) -> Deferred<R::Value, R::Error> {
    function().into_deferred()
}

/// Calls `function` and makes a fired Deferred of its result. Twisted's `execute`.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Failure, execute};
///
/// let number = execute(|| Ok::<u32, Failure>("12".parse()?));
/// assert_eq!(number.try_into_result().unwrap().unwrap(), 12);
/// ```
pub fn execute<T, E: DeferredError>(function: impl FnOnce() -> Result<T, E>) -> Deferred<T, E> {
    Deferred::fired(function())
}
