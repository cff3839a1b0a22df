//! [`TimedOut`], Twisted's `TimeoutError`, and [`TimeoutFault`], the errors that can say it.
//!
//! Invariant: only a cancellation becomes a [`TimedOut`]; an error that says more stays as it is.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use deferred::{Cancelled, DeferredError, Failure};

/// The error of a Deferred that had not fired in time. Twisted's `TimeoutError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// What a Deferred with a timeout can fail with: an error type that has a word for it.
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
    /// What takes the place of this error, with which a Deferred answered when it was cancelled
    /// because its time was over. A plain cancellation becomes `timed_out`; any other error stays.
    /// Called by [`add_timeout`](super::DeferredExt::add_timeout), once at most.
    #[must_use]
    fn timed_out(self, timed_out: TimedOut) -> Self;
}

impl TimeoutFault for Failure {
    fn timed_out(self, timed_out: TimedOut) -> Self {
        if self.check::<Cancelled>() { timed_out.into() } else { self }
    }
}
