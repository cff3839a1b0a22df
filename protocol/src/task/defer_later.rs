//! [`defer_later`] and [`sleep`]: a call some time from now, and its result; Twisted's `deferLater`.
//!
//! Invariant: once the Deferred was cancelled, nothing of it is left on the clock.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::OnceCell;
use core::time::Duration;

use deferred::{Deferred, DeferredError, IntoDeferred};
use interfaces::{DelayedCall, ReactorTime};

/// Calls `function` when `delay` has passed, and fires with its result. Twisted's `deferLater`.
///
/// Cancelling the Deferred before that takes the call back and drops the function uncalled. Dropping
/// the Deferred takes nothing back.
///
/// # Errors
///
/// The Deferred fails with the error of the function, with [`Cancelled`](deferred::Cancelled) when
/// it is cancelled, and also when the clock drops its calls, as a reactor does at its end.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::time::Duration;
/// use deferred::Failure;
/// use protocol::task::defer_later;
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let tea = defer_later(&clock, Duration::from_secs(180), || Ok::<_, Failure>("tea"));
/// clock.advance(Duration::from_secs(179));
/// assert!(!tea.is_fired());
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(tea.try_into_result().unwrap().unwrap(), "tea");
/// ```
#[doc(alias = "deferLater")]
pub fn defer_later<R: IntoDeferred>(
    clock: &dyn ReactorTime,
    delay: Duration,
    function: impl FnOnce() -> R + 'static,
) -> Deferred<R::Value, R::Error> {
    due_in(clock, delay).add_callback(move |()| function())
}

/// Fires when `delay` has passed. Twisted's `deferLater` without a function.
///
/// # Errors
///
/// As [`defer_later`].
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::time::Duration;
/// use protocol::task::sleep;
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let nap = sleep(&clock, Duration::from_secs(1));
/// nap.cancel_handle().cancel();
/// assert_eq!(clock.pending(), 0);
/// # drop(nap.try_into_result());
/// ```
#[doc(alias = "deferLater")]
pub fn sleep(clock: &dyn ReactorTime, delay: Duration) -> Deferred<()> {
    due_in(clock, delay)
}

fn due_in<E: DeferredError>(clock: &dyn ReactorTime, delay: Duration) -> Deferred<(), E> {
    let call = Rc::<OnceCell<DelayedCall>>::default();
    let taken_back = call.clone();
    let (deferred, promise) = Deferred::with_canceller(move || {
        // The promise goes with the call, so this is where it is dropped.
        let _ = taken_back.get().map(DelayedCall::cancel);
        None
    });
    let due = clock.call_later(delay, Box::new(move || promise.callback(())));
    let _ = call.set(due);
    deferred
}
