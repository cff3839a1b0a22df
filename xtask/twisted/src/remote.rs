//! Calls from other threads; Twisted's `callFromThread`.
//!
//! Invariant: the call runs on the reactor's thread with Python's lock held.

use std::sync::Arc;

use interfaces::FromThread;
use pyo3::prelude::*;

/// The handle that any thread may use.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Remote(pub(crate) Arc<dyn FromThread>);

#[pymethods]
impl Remote {
    /// Calls `call()` on the reactor's thread, in a later turn.
    fn call(&self, call: Py<PyAny>) {
        self.0.call_from_thread(Box::new(move || {
            Python::attach(|py| {
                if let Err(error) = call.call0(py) {
                    error.write_unraisable(py, None);
                }
                drop(call);
            });
        }));
    }
}
