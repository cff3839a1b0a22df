//! Hands the events of a connection to its Python object, and makes such objects for a port.
//!
//! An event runs Python at once, also where a callback of the same connection is running further out: that
//! is what Twisted's `reactor.iterate` does. Invariant: an exception of a callback is told to the
//! connection's `_broke`, which ends it, and goes no further.

use std::cell::OnceCell;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::rc::Rc;

use interfaces::{Address, Deliver, Event, Factory, ReadingRoles};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::Connection;
use crate::convert::{address_tuple, reason_parts};
use crate::log_context::LogContext;

/// One connection, as the reactor holds it.
pub(crate) struct Wire {
    connection: Py<Connection>,
    /// Once it is made.
    log_context: OnceCell<LogContext>,
    /// Over a UNIX socket, where descriptors may come.
    takes_descriptors: bool,
}

/// Tells a connection of an exception.
pub(crate) fn broke(connection: &Bound<'_, Connection>, error: PyErr) {
    let py = connection.py();
    let told = connection.call_method1(intern!(py, "_broke"), (error,));
    if let Err(error) = told {
        error.write_unraisable(py, Some(connection.as_any()));
    }
}

impl Wire {
    fn received(&self, connection: &Bound<'_, Connection>, data: &[u8]) -> PyResult<()> {
        let py = connection.py();
        let protocol = connection.getattr(intern!(py, "protocol"))?;
        let data = PyBytes::new(py, data);
        let call = || protocol.call_method1(intern!(py, "dataReceived"), (data,)).map(drop);
        match self.log_context.get() {
            Some(context) => context.within(py, call),
            None => call(),
        }
    }

    fn run(&self, py: Python<'_>, event: Event<'_>) -> PyResult<()> {
        let connection = self.connection.bind(py);
        match event {
            Event::DataReceived(data) => {
                self.received(connection, data)?;
            }
            Event::ConnectionMade(transport) => {
                connection.get().attach(transport)?;
                let made = connection.call_method0(intern!(py, "_made"))?;
                // It is made once.
                let _ = self.log_context.set(LogContext::from_parts(&made)?);
            }
            Event::FileDescriptorReceived(descriptor) => {
                if let Some(descriptor) = descriptor.take() {
                    let number = descriptor.as_raw_fd();
                    connection.call_method1(intern!(py, "_descriptorReceived"), (number,))?;
                    // Python owns it now.
                    let _ = descriptor.into_raw_fd();
                }
            }
            Event::ReadConnectionLost => {
                connection.call_method0(intern!(py, "_readConnectionLost"))?;
            }
            Event::WriteConnectionLost => {
                connection.call_method0(intern!(py, "_writeConnectionLost"))?;
            }
            Event::ConnectionLost(reason) => {
                connection.call_method1(intern!(py, "_lost"), reason_parts(reason))?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Deliver for Wire {
    fn deliver(&self, event: Event<'_>) {
        Python::attach(|py| {
            if let Err(error) = self.run(py, event) {
                broke(self.connection.bind(py), error);
            }
        });
    }

    fn is_half_closeable(&self) -> bool {
        Python::attach(|py| {
            let connection = self.connection.bind(py);
            let answer = connection.call_method0(intern!(py, "_isHalfCloseable"));
            answer.and_then(|answer| answer.is_truthy()).unwrap_or_else(|error| {
                broke(connection, error);
                false
            })
        })
    }

    fn reading_roles(&self) -> ReadingRoles {
        let mut roles = ReadingRoles::default();
        roles.descriptors = self.takes_descriptors;
        roles
    }
}

/// A connection for which the factory has built nothing. It is closed with the end of file, as Twisted
/// does; the reset that a reactor sends by itself would end a client's attempt before it is connected.
struct Declined;

impl Deliver for Declined {
    fn deliver(&self, event: Event<'_>) {
        if let Event::ConnectionMade(transport) = event {
            transport.lose_connection();
        }
    }

    fn is_half_closeable(&self) -> bool {
        false
    }
}

/// Makes the connections of a port: calls `build(peer)`, which returns a `Connection` or `None`.
pub(crate) struct PortFactory(pub(crate) Py<PyAny>);

impl Factory for PortFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        Python::attach(|py| {
            let build = || -> PyResult<Option<Py<Connection>>> {
                let built = self.0.bind(py).call1((address_tuple(py, peer)?,))?;
                Ok(built.extract()?)
            };
            let connection = build().unwrap_or_else(|error| {
                error.write_unraisable(py, Some(self.0.bind(py)));
                None
            });
            Some(connection.map_or_else(|| Rc::new(Declined) as _, |built| wire(built, peer)))
        })
    }
}

/// Gives its connection to the one that is being made.
pub(crate) struct OneFactory(pub(crate) Py<Connection>);

impl Factory for OneFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        Some(wire(Python::attach(|py| self.0.clone_ref(py)), peer))
    }
}

fn wire(connection: Py<Connection>, peer: &Address) -> Rc<dyn Deliver> {
    let takes_descriptors = matches!(peer, Address::Unix(_));
    Rc::new(Wire { connection, log_context: OnceCell::new(), takes_descriptors })
}
