//! [`DeferredError`]: the requirements on the error type of a [`Deferred`](crate::Deferred).
//!
//! Invariant: every such error can be made from [`Cancelled`] and can be shown, so no Deferred is
//! without a way to be cancelled and every error can be reported.

use core::fmt::Debug;

use super::Cancelled;

/// An error type of a [`Deferred`](crate::Deferred): any type that can be shown and that can be
/// made from [`Cancelled`]. It is implemented for all of them.
///
/// [`Failure`](crate::Failure) is one. For an enum of your own, a variant for the cancellation
/// makes it one:
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred};
///
/// #[derive(Debug, PartialEq)]
/// enum LookUpError {
///     NotFound,
///     Cancelled,
/// }
///
/// impl From<Cancelled> for LookUpError {
///     fn from(_: Cancelled) -> Self {
///         LookUpError::Cancelled
///     }
/// }
///
/// let (deferred, promise) = Deferred::<u32, LookUpError>::new();
/// promise.errback(LookUpError::NotFound);
/// assert_eq!(deferred.try_into_result().unwrap(), Err(LookUpError::NotFound));
/// ```
pub trait DeferredError: Debug + From<Cancelled> + 'static {}

impl<E: Debug + From<Cancelled> + 'static> DeferredError for E {}
