//! The transport of a connection, as a protocol in Python holds it; the base of the classes in
//! `ropewalk_twisted.connections`.
//!
//! Invariant: before the connection is made and after it has ended, every method does nothing.

use std::cell::{Cell, OnceCell};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::rc::Rc;

use interfaces::{BufferLimits, Chunk, Transport};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::convert::address_tuple;
use crate::core::Core;
use crate::owned::Owned;
use crate::producer::producer;

/// A connection, made or being made.
#[pyclass(frozen, subclass, module = "ropewalk_twisted._bridge")]
pub(crate) struct Connection(Owned<State>);

#[derive(Default)]
struct State {
    transport: OnceCell<Rc<dyn Transport>>,
    disconnecting: Cell<bool>,
    paused: Cell<bool>,
    producer: Cell<ProducerState>,
}

/// What the connection has asked of its producer.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ProducerState {
    /// There is none, or it is a pull producer.
    #[default]
    NotPushing,
    /// A push producer that may write.
    Pushing,
    /// A push producer that waits until it is resumed.
    Paused,
    /// It was told to stop.
    Stopped,
}

impl Connection {
    /// The connection is made. Its cap on unsent bytes is taken off: Twisted has none.
    pub(crate) fn attach(&self, transport: &Rc<dyn Transport>) -> PyResult<()> {
        transport.set_buffer_limits(limits(BufferLimits::default().high_water));
        // A connection is made once.
        let _ = self.0.get()?.transport.set(Rc::clone(transport));
        Ok(())
    }

    /// The producer is about to be told this.
    pub(crate) fn set_producer_state(&self, state: ProducerState) -> PyResult<()> {
        self.0.get()?.producer.set(state);
        Ok(())
    }

    /// Lets a closing connection end once all is sent, whose push producer may write and is not waited for.
    pub(crate) fn end_producer(&self) -> PyResult<()> {
        let state = self.0.get()?;
        if state.disconnecting.get() && state.producer.get() == ProducerState::Pushing {
            self.with(|transport| transport.unregister_producer())?;
        }
        Ok(())
    }

    fn transport(&self) -> PyResult<Option<&Rc<dyn Transport>>> {
        Ok(self.0.get()?.transport.get())
    }

    fn with(&self, act: impl FnOnce(&dyn Transport)) -> PyResult<()> {
        if let Some(transport) = self.transport()? {
            act(&**transport);
        }
        Ok(())
    }
}

/// Limits without a cap.
fn limits(high_water: usize) -> BufferLimits {
    BufferLimits::default().with_high_water(high_water).with_cap(usize::MAX)
}

/// The bytes of an object that has some, in one piece.
fn with_bytes<R>(data: &Bound<'_, PyAny>, take: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(take(bytes.as_bytes()));
    }
    if data.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("Data must be bytes"));
    }
    let copy = PyBuffer::<u8>::get(data)?.to_vec(data.py())?;
    Ok(take(&copy))
}

#[pymethods]
impl Connection {
    #[new]
    #[pyo3(signature = (core, *_arguments, **_keywords))]
    fn new(
        core: &Core,
        _arguments: &Bound<'_, pyo3::types::PyTuple>,
        _keywords: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> Self {
        Self(Owned::new(State::default(), core.home()))
    }

    /// Queues bytes; they leave when the running callback returns.
    fn write(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        with_bytes(data, |data| self.with(|transport| transport.write(data)))?
    }

    /// Queues several pieces as if they were written one after the other.
    #[pyo3(name = "writeSequence")]
    fn write_sequence(&self, pieces: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut chunks = Vec::new();
        for piece in pieces.try_iter()? {
            chunks.push(with_bytes(&piece?, |data| Chunk::from(data.to_vec()))?);
        }
        self.with(|transport| transport.write_sequence(chunks))
    }

    /// How many unsent bytes pause the producer.
    fn _set_high_water(&self, bytes: usize) -> PyResult<()> {
        self.with(|transport| transport.set_buffer_limits(limits(bytes)))
    }

    /// Whether data is delivered.
    #[getter]
    fn _reads(&self) -> PyResult<bool> {
        let state = self.0.get()?;
        let stopped = state.paused.get() || state.disconnecting.get();
        Ok(state.transport.get().is_some() && !stopped)
    }

    /// Whether it is being made, or has bytes that the peer has not taken, or is about to close.
    #[getter]
    fn _writes(&self) -> PyResult<bool> {
        let state = self.0.get()?;
        let Some(transport) = state.transport.get() else { return Ok(true) };
        Ok(state.disconnecting.get() || transport.undelivered_bytes() > 0)
    }

    /// Whether this side has begun to close.
    #[getter]
    fn disconnecting(&self) -> PyResult<bool> {
        Ok(self.0.get()?.disconnecting.get())
    }

    #[setter]
    fn set_disconnecting(&self, on: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.get()?.disconnecting.set(on.is_truthy()?);
        Ok(())
    }

    /// Closes after all bytes are sent, and no pull producer is registered any more. As in Twisted, a push
    /// producer is waited for only while it is paused.
    fn _lose(&self) -> PyResult<()> {
        self.0.get()?.disconnecting.set(true);
        self.end_producer()?;
        self.with(|transport| transport.lose_connection())
    }

    /// Closes now, with a reset.
    fn _abort(&self) -> PyResult<()> {
        self.0.get()?.disconnecting.set(true);
        self.with(|transport| transport.abort_connection())
    }

    /// Sends what is queued and then the end of file.
    fn _lose_write(&self) -> PyResult<()> {
        self.with(|transport| {
            if let Some(transport) = transport.as_half_closeable() {
                transport.lose_write_connection();
            }
        })
    }

    /// Delivers no data until `resumeProducing`.
    #[pyo3(name = "pauseProducing")]
    fn pause_producing(&self) -> PyResult<()> {
        self.0.get()?.paused.set(true);
        self.with(|transport| transport.pause_producing())
    }

    /// Delivers data again.
    #[pyo3(name = "resumeProducing")]
    fn resume_producing(&self) -> PyResult<()> {
        self.0.get()?.paused.set(false);
        self.with(|transport| transport.resume_producing())
    }

    /// Registers a producer; `RuntimeError` when there is one.
    fn _register(slf: &Bound<'_, Self>, object: Py<PyAny>, streaming: bool) -> PyResult<()> {
        let Some(transport) = slf.get().transport()?.map(Rc::clone) else { return Ok(()) };
        let pushes = if streaming { ProducerState::Pushing } else { ProducerState::NotPushing };
        slf.get().set_producer_state(pushes)?;
        let object = producer(object, slf.clone().unbind(), streaming);
        transport
            .register_producer(object)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Whether the producer was told to stop.
    #[getter]
    fn _producer_stopped(&self) -> PyResult<bool> {
        Ok(self.0.get()?.producer.get() == ProducerState::Stopped)
    }

    /// Unregisters the producer.
    fn _unregister(&self) -> PyResult<()> {
        self.set_producer_state(ProducerState::NotPushing)?;
        self.with(|transport| transport.unregister_producer())
    }

    /// The local address, or `None` before the connection is made.
    fn _host<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.transport()?.map(|transport| address_tuple(py, &transport.host())).transpose()
    }

    /// The remote address, or `None` before the connection is made.
    fn _peer<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.transport()?.map(|transport| address_tuple(py, &transport.peer())).transpose()
    }

    /// The number of its descriptor, -1 when it is closed.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.transport()?.and_then(|transport| transport.raw_descriptor()).unwrap_or(-1))
    }

    #[pyo3(name = "getTcpNoDelay")]
    fn tcp_no_delay(&self) -> PyResult<bool> {
        let tcp = self.transport()?.and_then(|transport| transport.as_tcp());
        Ok(tcp.is_some_and(interfaces::TcpTransport::tcp_no_delay))
    }

    #[pyo3(name = "setTcpNoDelay")]
    fn set_tcp_no_delay(&self, enabled: &Bound<'_, PyAny>) -> PyResult<()> {
        let enabled = enabled.is_truthy()?;
        if let Some(tcp) = self.transport()?.and_then(|transport| transport.as_tcp()) {
            tcp.set_tcp_no_delay(enabled);
        }
        Ok(())
    }

    #[pyo3(name = "getTcpKeepAlive")]
    fn tcp_keep_alive(&self) -> PyResult<bool> {
        let tcp = self.transport()?.and_then(|transport| transport.as_tcp());
        Ok(tcp.is_some_and(interfaces::TcpTransport::tcp_keep_alive))
    }

    #[pyo3(name = "setTcpKeepAlive")]
    fn set_tcp_keep_alive(&self, enabled: &Bound<'_, PyAny>) -> PyResult<()> {
        let enabled = enabled.is_truthy()?;
        if let Some(tcp) = self.transport()?.and_then(|transport| transport.as_tcp()) {
            tcp.set_tcp_keep_alive(enabled);
        }
        Ok(())
    }

    /// Sends a copy of a descriptor with the next byte, over a UNIX socket.
    fn _send_descriptor(&self, number: i32) -> PyResult<()> {
        let unix = self.transport()?.and_then(|transport| transport.as_unix());
        let Some(unix) = unix.filter(|_| number >= 0) else { return Ok(()) };
        // SAFETY: it is lent for one call of fcntl(2), which answers with an error where the number is
        // closed.
        let copy = unsafe { BorrowedFd::borrow_raw(number) }.as_fd().try_clone_to_owned()?;
        unix.send_file_descriptor(copy);
        Ok(())
    }
}
