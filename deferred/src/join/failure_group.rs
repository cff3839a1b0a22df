//! [`FailureGroup`]: the errors of all members of a race; Twisted's `FailureGroup`.
//!
//! Invariant: it is empty exactly if the race was cancelled before all of them had failed.

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use crate::error::safe_display::SafeDisplay;
use crate::error::{Cancelled, Failure};
use crate::join::first_error::Cause;

/// The error of a [`race`](crate::race) in which every member failed: the errors of all members. Twisted's
/// `FailureGroup`.
///
/// It shows as all of them, and so has no source. It is an [`Error`] if they are, or are each a
/// [`Failure`]; then `?` makes a failure of it.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, race};
///
/// let group = race([Deferred::<u32>::fail(Cancelled), Deferred::fail(std::fmt::Error)])
///     .try_into_result()
///     .unwrap()
///     .unwrap_err();
/// assert_eq!(group.failures().len(), 2);
/// assert!(group.failures()[0].check::<Cancelled>());
/// ```
///
/// # Differences from Twisted
///
/// It is made from [`Cancelled`], too, as every error of a Deferred can be, where Twisted's race
/// fails with a bare `CancelledError`. Then it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup<E = Failure> {
    failures: Vec<E>,
}

impl<E> FailureGroup<E> {
    pub(crate) fn new(failures: Vec<E>) -> Self {
        FailureGroup { failures }
    }

    /// The members' errors, in the order of the members.
    pub fn failures(&self) -> &[E] {
        &self.failures
    }

    /// The members' errors, in the order of the members.
    pub fn into_failures(self) -> Vec<E> {
        self.failures
    }

    /// Whether the race was cancelled before all members had failed. There are no failures then.
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }
}

impl<E> From<Cancelled> for FailureGroup<E> {
    fn from(_: Cancelled) -> Self {
        FailureGroup { failures: Vec::new() }
    }
}

impl<E: Cause> fmt::Display for FailureGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return f.write_str("the race was cancelled");
        }
        f.write_str("every member of the race failed")?;
        let mut before = ": ";
        for failure in &self.failures {
            f.write_str(before)?;
            SafeDisplay::display(f, failure.cause())?;
            before = "; ";
        }
        Ok(())
    }
}

impl<E: Cause> Error for FailureGroup<E> {}
