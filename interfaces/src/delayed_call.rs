//! The handle of a scheduled call, which moves or cancels it; Twisted's `IDelayedCall`.
//!
//! Invariant: a clock gives a key to one call only, so a handle that outlives its call reaches no
//! other.

use alloc::rc::Weak;
use core::fmt;
use core::time::Duration;

/// The handle of a pending call, made by [`call_later`](crate::ReactorTime::call_later). Dropping it
/// cancels nothing.
///
/// It is a key into the clock's pending calls and no more: a clone costs nothing, and keeps neither
/// the call nor the clock alive.
///
/// # Differences from Twisted
///
/// - A call that has run or was cancelled leaves no record, so there is one error, [`NotPending`],
///   where Twisted has `AlreadyCalled` and `AlreadyCancelled`. Two errors would need a record or an
///   allocation for each call.
/// - `Debug` shows the time at which it is due, but neither the function nor the caller: the compiler
///   passes no place of the caller through a `dyn` clock.
/// - Handles can't be compared; only the clock knows the order of its calls.
#[derive(Clone)]
pub struct DelayedCall {
    timers: Weak<dyn Timers>,
    key: TimerKey,
}

impl DelayedCall {
    /// For implementers of [`ReactorTime`](crate::ReactorTime): the handle of the call with `key`.
    pub fn new(timers: Weak<dyn Timers>, key: TimerKey) -> Self {
        Self { timers, key }
    }

    /// When it is due, on the reactor's clock; `None` if it is not pending.
    pub fn time(&self) -> Option<Duration> {
        self.timers.upgrade()?.time(self.key)
    }

    /// Whether it is pending: neither run nor cancelled, and its reactor exists.
    pub fn active(&self) -> bool {
        self.time().is_some()
    }

    /// Cancels the call; its closure is dropped before this returns.
    ///
    /// # Errors
    ///
    /// [`NotPending`] when it has run or was cancelled. Twisted's `AlreadyCalled`,
    /// `AlreadyCancelled`.
    #[doc(alias = "AlreadyCalled")]
    #[doc(alias = "AlreadyCancelled")]
    pub fn cancel(&self) -> Result<(), NotPending> {
        self.timers.upgrade().ok_or(NotPending)?.cancel(self.key)
    }

    /// Makes it due `delay` from now.
    ///
    /// # Errors
    ///
    /// [`NotPending`].
    pub fn reset(&self, delay: Duration) -> Result<(), NotPending> {
        self.timers.upgrade().ok_or(NotPending)?.reset(self.key, delay)
    }

    /// Makes it due `delay` later than it is now due.
    ///
    /// # Errors
    ///
    /// [`NotPending`].
    pub fn delay(&self, delay: Duration) -> Result<(), NotPending> {
        self.timers.upgrade().ok_or(NotPending)?.delay(self.key, delay)
    }
}

impl fmt::Debug for DelayedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time() {
            Some(time) => write!(f, "DelayedCall(due at {time:?})"),
            None => f.write_str("DelayedCall(not pending)"),
        }
    }
}

/// Names one call of one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey(pub u64);

/// The pending calls of a clock, as [`DelayedCall`] needs them. Implemented by reactors and by the
/// test clock, and called by `DelayedCall` alone.
pub trait Timers {
    /// When the call is due, or `None` if it is not pending.
    fn time(&self, key: TimerKey) -> Option<Duration>;
    /// Cancels the call.
    ///
    /// # Errors
    ///
    /// [`NotPending`].
    fn cancel(&self, key: TimerKey) -> Result<(), NotPending>;
    /// Makes the call due `delay` from now.
    ///
    /// # Errors
    ///
    /// [`NotPending`].
    fn reset(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending>;
    /// Makes the call due `delay` later than it is.
    ///
    /// # Errors
    ///
    /// [`NotPending`].
    fn delay(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending>;
}

/// A delayed call was to be moved or cancelled, but is not pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the delayed call is not pending: it has run, was cancelled, or its reactor is gone")]
pub struct NotPending;
