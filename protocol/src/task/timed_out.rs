//! [`TimedOut`], Twisted's `TimeoutError`, and [`TimeoutFault`], the error types that can hold it.
//!
//! Invariant: only a cancellation becomes a [`TimedOut`]; an error that says more stays as it is.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use deferred::{Cancelled, DeferredError, Failure};

/// The error of a Deferred that had not fired in time. Twisted's `TimeoutError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "TimeoutError")]
pub struct TimedOut {
    after: Duration,
}

impl TimedOut {
    /// There was no result after this time.
    pub fn new(after: Duration) -> Self {
        Self { after }
    }

    /// How long it had to fire.
    pub fn after(&self) -> Duration {
        self.after
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out after {:?}", self.after)
    }
}

impl Error for TimedOut {}

/// The error type of a Deferred with a timeout: one that can hold a [`TimedOut`].
///
/// [`Failure`] is one. For an enum of your own it is one `match`:
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use deferred::Cancelled;
/// use protocol::task::{TimedOut, TimeoutFault};
///
/// #[derive(Debug, PartialEq)]
/// enum LookUpError {
///     NotFound,
///     Cancelled,
///     TimedOut(TimedOut),
/// }
///
/// impl From<Cancelled> for LookUpError {
///     fn from(_: Cancelled) -> Self {
///         LookUpError::Cancelled
///     }
/// }
///
/// impl TimeoutFault for LookUpError {
///     fn timed_out(self, timed_out: TimedOut) -> Self {
///         match self {
///             LookUpError::Cancelled => LookUpError::TimedOut(timed_out),
///             LookUpError::NotFound | LookUpError::TimedOut(_) => self,
///         }
///     }
/// }
/// ```
pub trait TimeoutFault: DeferredError {
    /// Replaces this error, the result of a Deferred that a timeout cancelled: a plain cancellation
    /// by `timed_out`, and any other error by itself. Called by
    /// [`add_timeout`](super::DeferredExt::add_timeout), once at most.
    #[must_use]
    fn timed_out(self, timed_out: TimedOut) -> Self;
}

impl TimeoutFault for Failure {
    fn timed_out(self, timed_out: TimedOut) -> Self {
        if self.check::<Cancelled>() { timed_out.into() } else { self }
    }
}
