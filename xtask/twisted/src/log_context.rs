//! What Twisted's logs look at to tell whose callback runs: the stack of contexts of the thread, and one
//! context of a connection or a port.
//!
//! Invariant: the context is on the stack exactly while the call runs.

use pyo3::prelude::*;
use pyo3::types::PyList;

/// The stack and the own context. It is pushed here, as `callWithLogger` costs as much as a message.
pub(crate) struct LogContext {
    stack: Py<PyList>,
    own: Py<PyAny>,
}

impl LogContext {
    /// From `(stack, context)`.
    pub(crate) fn from_parts(parts: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (stack, own) = parts.extract::<(Bound<'_, PyList>, Py<PyAny>)>()?;
        Ok(Self { stack: stack.unbind(), own })
    }

    /// Calls with the context on top of the stack.
    pub(crate) fn within<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce() -> PyResult<R>,
    ) -> PyResult<R> {
        let stack = self.stack.bind(py);
        stack.append(&self.own)?;
        let called = call();
        // Calls nest, so the last one is this one's, unless the program has taken it.
        if let Some(last) = stack.len().checked_sub(1) {
            stack.del_item(last)?;
        }
        called
    }
}
