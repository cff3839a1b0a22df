//! [`FirstError`]: the first error of a list's members and the member's index; Twisted's
//! `FirstError`.
//!
//! Invariant: it has an index exactly if a member failed.

use core::error::Error;
use core::fmt;

use crate::error::{Cancelled, Failure};

/// The error of a [`DeferredList`](crate::DeferredList) that fires on one error, and of
/// [`gather_results`](crate::gather_results): the first error of a member. Twisted's `FirstError`.
///
/// It shows which member failed, and its source is the member's error. It is an [`Error`] if that is
/// one, or a [`Failure`]; then `?` makes a failure of it.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, gather_results_of};
///
/// let first = gather_results_of([Deferred::succeed(1), Deferred::<u32>::fail(Cancelled)])
///     .try_into_result()
///     .unwrap()
///     .unwrap_err();
/// assert_eq!(first.index(), Some(1));
/// assert!(first.error().check::<Cancelled>());
/// assert_eq!(first.to_string(), "member 1 of the list failed");
/// ```
///
/// # Differences from Twisted
///
/// It is made from [`Cancelled`], too, as every error of a Deferred can be. Then the list was
/// cancelled and not a member, so there is no index.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstError<E = Failure> {
    index: Option<usize>,
    error: E,
}

impl<E> FirstError<E> {
    pub(crate) fn new(index: usize, error: E) -> Self {
        FirstError { index: Some(index), error }
    }

    /// The index of the member that failed, from 0; `None` if the list itself was cancelled, for
    /// example behind a callback that panicked.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The error of the first failure. Twisted's `subFailure`.
    pub fn error(&self) -> &E {
        &self.error
    }

    /// The error of the first failure. Twisted's `subFailure`.
    pub fn into_error(self) -> E {
        self.error
    }
}

impl<E: From<Cancelled>> From<Cancelled> for FirstError<E> {
    fn from(cancelled: Cancelled) -> Self {
        FirstError { index: None, error: cancelled.into() }
    }
}

impl<E> fmt::Display for FirstError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "member {index} of the list failed"),
            None => f.write_str("the list was cancelled"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for FirstError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "FirstError[#{index}, {:?}]", self.error),
            None => write!(f, "FirstError[no member, {:?}]", self.error),
        }
    }
}

impl<E: Cause> Error for FirstError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error.cause())
    }
}

/// An error of a member that can be shown as one: a [`Failure`] or any [`Error`].
pub(crate) trait Cause: fmt::Debug {
    fn cause(&self) -> &(dyn Error + 'static);
}

impl Cause for Failure {
    fn cause(&self) -> &(dyn Error + 'static) {
        self.as_error()
    }
}

impl<E: Error + 'static> Cause for E {
    fn cause(&self) -> &(dyn Error + 'static) {
        self
    }
}
