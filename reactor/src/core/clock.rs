//! Delayed calls, in the reactor's time; Twisted's `IReactorTime`.
//!
//! Invariant: a call that is taken back is dropped with nothing borrowed, as what it captured may
//! have a `Drop` of its own.

use std::time::Duration;

use interfaces::delayed_call::{TimerKey, Timers};
use interfaces::{DelayedCall, NotPending};

use super::Core;
use crate::sys::StreamSys;

impl<S: StreamSys> Core<S> {
    #[inline]
    pub(crate) fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        let time = self.sys.now().saturating_add(delay);
        let key = self.timers.borrow_mut().insert(time, call);
        DelayedCall::new(self.me.clone(), key)
    }

    /// The pending calls, in the order in which they run.
    pub(crate) fn delayed_calls(&self) -> Vec<DelayedCall> {
        let keys = self.timers.borrow().keys();
        keys.into_iter().map(|key| DelayedCall::new(self.me.clone(), key)).collect()
    }
}

impl<S: StreamSys> Timers for Core<S> {
    fn time(&self, key: TimerKey) -> Option<Duration> {
        self.timers.borrow().time(key)
    }

    fn cancel(&self, key: TimerKey) -> Result<(), NotPending> {
        let call = self.timers.borrow_mut().cancel(key)?;
        drop(call);
        Ok(())
    }

    fn reset(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        let time = self.sys.now().saturating_add(delay);
        self.timers.borrow_mut().set_time(key, time)
    }

    fn delay(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        let mut timers = self.timers.borrow_mut();
        let time = timers.time(key).ok_or(NotPending)?.saturating_add(delay);
        timers.set_time(key, time)
    }
}
