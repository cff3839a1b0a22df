//! The data path of a UDP port whose socket and options are Twisted's own.
//!
//! Invariant: what this side does not take, it leaves to Python whole: `send` answers `False`, and nothing is
//! sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use interfaces::{Address, DatagramEvent, DatagramTransport, DeliverDatagram, OsError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::convert::os_error;
use crate::log_context::LogContext;
use crate::owned::Owned;

/// An open port.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Datagrams(pub(crate) Owned<Rc<dyn DatagramTransport>>);

/// The receiver that Python means by `(host, port)`. None for all that is not plain.
fn receiver(address: &Bound<'_, PyAny>) -> Option<SocketAddr> {
    let (host, port) = address.extract::<(Bound<'_, PyString>, u16)>().ok()?;
    let ip = match host.to_str().ok()? {
        "<broadcast>" => IpAddr::V4(Ipv4Addr::BROADCAST),
        host => host.parse().ok()?,
    };
    Some((ip, port).into())
}

#[pymethods]
impl Datagrams {
    /// Sends a datagram to `(host, port)`, or to the peer of a connected port where it is `None`. `False`
    /// where it is not plain what to do: no bytes, no numeric address, one of another family.
    fn send(
        &self,
        datagram: &Bound<'_, PyAny>,
        address: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let transport = self.0.get()?;
        let Ok(datagram) = datagram.cast::<PyBytes>() else { return Ok(false) };
        let sent = match address {
            None => transport.send(datagram.as_bytes()),
            Some(address) => {
                let Some(receiver) = receiver(address) else { return Ok(false) };
                transport.send_to(datagram.as_bytes(), &receiver.into())
            }
        };
        Ok(sent.is_ok())
    }

    /// Fixes the peer.
    fn connect(&self, host: &str, port: u16) -> PyResult<()> {
        let ip: IpAddr = host.parse()?;
        let Some(udp) = self.0.get()?.as_udp() else { return Ok(()) };
        udp.connect((ip, port).into()).map_err(|error| os_error(&error, libc::EINVAL))
    }

    /// Receives no more, and closes its copy of the descriptor.
    fn stop(&self) -> PyResult<()> {
        drop(self.0.get()?.stop_listening().log_error());
        Ok(())
    }
}

/// Hands datagrams to the port in Python: its protocol's `datagramReceived` and `connectionRefused`, and its
/// own `_sendFailed(host, port, errno)` and `_raised()`, which is called while an exception is handled.
pub(crate) struct DatagramEvents {
    port: Py<PyAny>,
    log_context: LogContext,
}

impl DatagramEvents {
    /// For a port, whose `_logContext()` is asked for.
    pub(crate) fn of(port: Py<PyAny>) -> PyResult<Self> {
        let log_context = Python::attach(|py| {
            LogContext::from_parts(&port.bind(py).call_method0(intern!(py, "_logContext"))?)
        })?;
        Ok(Self { port, log_context })
    }

    fn received(&self, py: Python<'_>, data: &[u8], sender: &Address) -> PyResult<()> {
        let protocol = self.port.bind(py).getattr(intern!(py, "protocol"))?;
        let Some((host, port)) = host_and_port(py, sender)? else { return Ok(()) };
        let sender = PyTuple::new(py, [host, port])?;
        let arguments = (PyBytes::new(py, data), sender);
        self.call(py, &protocol, intern!(py, "datagramReceived"), arguments)
    }

    fn send_failed(&self, py: Python<'_>, receiver: &Address, error: OsError) -> PyResult<()> {
        let Some((host, port)) = host_and_port(py, receiver)? else { return Ok(()) };
        let arguments = (host, port, error.raw_os_error());
        self.call(py, self.port.bind(py), intern!(py, "_sendFailed"), arguments)
    }

    fn refused(&self, py: Python<'_>) -> PyResult<()> {
        let protocol = self.port.bind(py).getattr(intern!(py, "protocol"))?;
        self.call(py, &protocol, intern!(py, "connectionRefused"), ())
    }

    /// Calls a method; an exception of it goes to the log and no further.
    fn call<'py>(
        &self,
        py: Python<'py>,
        object: &Bound<'py, PyAny>,
        method: &Bound<'py, PyString>,
        arguments: impl pyo3::call::PyCallArgs<'py>,
    ) -> PyResult<()> {
        let port = self.port.bind(py);
        let call = || match object.call_method1(method, arguments) {
            Ok(_) => Ok(()),
            Err(error) => port.call_method1(intern!(py, "_raised"), (error,)).map(drop),
        };
        self.log_context.within(py, call)
    }
}

/// Of an IP address, as Python has them.
type HostAndPort<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

fn host_and_port<'py>(py: Python<'py>, address: &Address) -> PyResult<Option<HostAndPort<'py>>> {
    let (ip, port) = match address {
        Address::Ipv4(v4) => (IpAddr::V4(*v4.ip()), v4.port()),
        Address::Ipv6(v6) => (IpAddr::V6(*v6.ip()), v6.port()),
        _ => return Ok(None),
    };
    let host = PyString::new(py, &ip.to_string()).into_any();
    Ok(Some((host, port.into_pyobject(py)?.into_any())))
}

impl DeliverDatagram for DatagramEvents {
    fn deliver_datagram(&self, _: &Rc<dyn DatagramTransport>, event: DatagramEvent<'_>) {
        Python::attach(|py| {
            let told = match event {
                DatagramEvent::Received { data, sender }
                | DatagramEvent::Truncated { data, sender, .. } => self.received(py, data, sender),
                DatagramEvent::Refused => self.refused(py),
                DatagramEvent::SendFailed { receiver, error } => {
                    self.send_failed(py, receiver, error)
                }
                _ => Ok(()),
            };
            if let Err(error) = told {
                error.write_unraisable(py, Some(self.port.bind(py)));
            }
        });
    }

    fn log_prefix(&self) -> &'static str {
        "UDP"
    }
}
