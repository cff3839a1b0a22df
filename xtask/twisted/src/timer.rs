//! A delayed call; Twisted's `callLater`.
//!
//! Invariant: a timer that has run or was cancelled answers false and does nothing.

use interfaces::DelayedCall;
use pyo3::prelude::*;

use crate::convert::to_duration;
use crate::owned::Owned;

/// The handle of a pending call.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Timer(pub(crate) Owned<DelayedCall>);

#[pymethods]
impl Timer {
    /// Cancels it; whether it was pending.
    fn cancel(&self) -> PyResult<bool> {
        Ok(self.0.get()?.cancel().is_ok())
    }

    /// Makes it due `seconds` from now; whether it was pending.
    fn reset(&self, seconds: f64) -> PyResult<bool> {
        Ok(self.0.get()?.reset(to_duration(seconds)).is_ok())
    }
}
