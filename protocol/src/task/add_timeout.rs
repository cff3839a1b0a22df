//! [`DeferredExt`]: timeouts of a Deferred; Twisted's `Deferred.addTimeout`.
//!
//! Invariant: when the result is there, the timeout is off the clock, before any callback that was
//! added later runs.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::time::Duration;

use deferred::{Deferred, DeferredError, IntoDeferred};
use interfaces::ReactorTime;

use super::{TimedOut, TimeoutFault};

/// Timeouts of a [`Deferred`]. Every Deferred implements it, and no other type.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::time::Duration;
/// use deferred::Deferred;
/// use protocol::task::{DeferredExt, TimedOut};
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let (answer, promise) = Deferred::<u32>::new();
/// let answer = answer
///     .add_callback(|n| Ok(n + 1)) // counts towards the time
///     .add_timeout(Duration::from_secs(10), &clock)
///     .add_errback(|failure| {
///         let timed_out = failure.trap::<TimedOut>()?;
///         assert_eq!(timed_out.after(), Duration::from_secs(10));
///         Ok(0)
///     });
/// clock.advance(Duration::from_secs(10));
/// assert_eq!(answer.try_into_result().unwrap().unwrap(), 0);
/// promise.callback(41); // too late
/// ```
pub trait DeferredExt: Sized {
    /// The value of its success.
    type Value: 'static;
    /// The error of its failure.
    type Error: DeferredError;

    /// Cancels the Deferred when it has no result after `timeout`.
    ///
    /// The time covers everything that was added before, and nothing that is added after. The
    /// timeout cancels as a [`CancelHandle`](deferred::CancelHandle) taken here would. A value, or
    /// an error other than the cancellation's, that a canceller or an earlier errback answers with
    /// is the result; otherwise the error is a [`TimedOut`].
    ///
    /// Any other cancellation keeps its error.
    ///
    /// # Errors
    ///
    /// The Deferred fails with [`TimedOut`], put into its error type by
    /// [`TimeoutFault`](super::TimeoutFault).
    #[doc(alias = "addTimeout")]
    fn add_timeout(
        self,
        timeout: Duration,
        clock: &dyn ReactorTime,
    ) -> Deferred<Self::Value, Self::Error>
    where
        Self::Error: TimeoutFault,
    {
        self.add_timeout_with(timeout, clock, |result, timeout| {
            result.map_err(|error| error.timed_out(TimedOut::new(timeout)))
        })
    }

    /// As [`add_timeout`](DeferredExt::add_timeout), with a function that makes the result when the
    /// time is over. Twisted's `onTimeoutCancel`.
    ///
    /// `on_timeout` is called with the result of the cancelled Deferred, a value or an error, and
    /// with `timeout`, and returns the result. It is called once at most, and only when the timeout
    /// cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ropewalk_protocol as protocol;
    /// use std::time::Duration;
    /// use deferred::Deferred;
    /// use protocol::task::DeferredExt;
    /// use protocol::testing::Clock;
    ///
    /// let clock = Clock::new();
    /// let (answer, _promise) = Deferred::<u32>::new();
    /// let answer = answer.add_timeout_with(Duration::from_secs(1), &clock, |_, _| Ok(42));
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(answer.try_into_result().unwrap().unwrap(), 42);
    /// ```
    ///
    /// # Differences from Twisted
    ///
    /// `on_timeout` cannot change the type of the value, which would be two types at once.
    fn add_timeout_with<R>(
        self,
        timeout: Duration,
        clock: &dyn ReactorTime,
        on_timeout: impl FnOnce(Result<Self::Value, Self::Error>, Duration) -> R + 'static,
    ) -> Deferred<Self::Value, Self::Error>
    where
        R: IntoDeferred<Value = Self::Value, Error = Self::Error>;
}

impl<T: 'static, E: DeferredError> DeferredExt for Deferred<T, E> {
    type Value = T;
    type Error = E;

    fn add_timeout_with<R>(
        self,
        timeout: Duration,
        clock: &dyn ReactorTime,
        on_timeout: impl FnOnce(Result<T, E>, Duration) -> R + 'static,
    ) -> Deferred<T, E>
    where
        R: IntoDeferred<Value = T, Error = E>,
    {
        if self.is_fired() {
            return self;
        }
        let is_over = Rc::new(Cell::new(false));
        let handle = self.cancel_handle();
        let over = is_over.clone();
        let call = clock.call_later(
            timeout,
            Box::new(move || {
                over.set(true);
                handle.cancel();
            }),
        );
        self.add_both(move |result| {
            if is_over.get() {
                return on_timeout(result, timeout).into_deferred();
            }
            // A call that is not pending is no error: the clock is gone, or dropped its calls.
            let _ = call.cancel();
            result.into_deferred()
        })
    }
}
