//! A clock that can call back; Twisted's `IReactorTime`.
//!
//! Invariant: time never goes back, and no call runs inside `call_later`.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::DelayedCall;

/// The reactor's clock. Implemented by reactors and by the test clock.
///
/// # Differences from Twisted
///
/// Time is a monotonic [`Duration`] since the reactor's zero, not a float of wall-clock seconds.
#[doc(alias = "IReactorTime")]
pub trait ReactorTime {
    /// The time now, since the reactor's zero. Each call reads the clock, so a timer of one second that
    /// is set at the end of a long callback is due a second after that end.
    fn now(&self) -> Duration;

    /// Runs `call` once, when `delay` has passed: never inside this call, not even for zero. Calls
    /// due at the same time run in the order in which they were asked for. A delay beyond what the
    /// clock can count is as good as never.
    #[doc(alias = "callLater")]
    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall;

    /// The pending calls, the next one first. Twisted's `getDelayedCalls`.
    #[doc(alias = "getDelayedCalls")]
    fn delayed_calls(&self) -> Vec<DelayedCall>;
}

impl<R: ReactorTime + ?Sized> ReactorTime for Rc<R> {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        (**self).call_later(delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        (**self).delayed_calls()
    }
}
