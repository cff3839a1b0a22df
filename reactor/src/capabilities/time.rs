//! `ReactorTime`; Twisted's `IReactorTime`.
//!
//! Invariant: the clock is the system's.

use std::time::Duration;

use interfaces::{DelayedCall, ReactorTime};

use crate::reactor::Reactor;
use crate::sys::StreamSys;

impl<S: StreamSys> ReactorTime for Reactor<S> {
    fn now(&self) -> Duration {
        self.core().sys.now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        self.core().call_later(delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.core().delayed_calls()
    }
}
