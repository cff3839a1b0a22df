//! [`IntoDeferred`]: the types that a callback may return.
//!
//! Twisted lets a callback return anything. Invariant: a result that is there needs no allocation.

use crate::deferred::Deferred;
use crate::error::DeferredError;

/// A type that a callback may return: a `Result`, or a [`Deferred`] to wait for.
///
/// Implement it for a type of your own that callbacks return.
///
/// # Differences from Twisted
///
/// A plain value is written `Ok(value)`, and a raised exception is an `Err`.
#[diagnostic::on_unimplemented(
    message = "a callback returns a `Result` or a `Deferred`, not `{Self}`",
    label = "returns `{Self}`",
    note = "for a value that is there, write `Ok(value)`; for an error, `Err(error)` or `?`",
    note = "for nothing, end with `Ok(())`; for a result that comes later, return its `Deferred`"
)]
pub trait IntoDeferred {
    /// The value of its success.
    type Value: 'static;
    /// The error of its failure.
    type Error: DeferredError;

    /// Makes a Deferred of it.
    fn into_deferred(self) -> Deferred<Self::Value, Self::Error>;
}

impl<T: 'static, E: DeferredError> IntoDeferred for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_deferred(self) -> Deferred<T, E> {
        Deferred::fired(self)
    }
}

impl<T: 'static, E: DeferredError> IntoDeferred for Deferred<T, E> {
    type Value = T;
    type Error = E;

    fn into_deferred(self) -> Deferred<T, E> {
        self
    }
}
