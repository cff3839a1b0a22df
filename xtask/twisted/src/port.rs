//! A listening port, and a connection that is being made.
//!
//! Invariant: both do nothing once they have ended.

use std::rc::Rc;

use deferred::CancelHandle;
use interfaces::ListeningPort;
use pyo3::prelude::*;

use crate::convert::address_tuple;
use crate::owned::Owned;

/// A port that accepts connections.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Port(pub(crate) Owned<Rc<dyn ListeningPort>>);

#[pymethods]
impl Port {
    /// The local address.
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        address_tuple(py, &self.0.get()?.host())
    }

    /// The number of its descriptor, -1 when it is closed.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.raw_descriptor().unwrap_or(-1))
    }

    /// Stops accepting, and closes the socket.
    fn stop(&self) -> PyResult<()> {
        // The factory's own end is told to Python by Python.
        drop(self.0.get()?.stop_listening().log_error());
        Ok(())
    }
}

/// A connection that is being made.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Attempt(pub(crate) Owned<CancelHandle>);

#[pymethods]
impl Attempt {
    /// Gives it up, and closes its socket.
    fn cancel(&self) -> PyResult<()> {
        self.0.get()?.cancel();
        Ok(())
    }
}
