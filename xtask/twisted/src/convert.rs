//! Addresses, reasons and errors, between Rust and Python.
//!
//! Invariant: what goes to Python is plain: numbers, texts, bytes and tuples of them.

use std::error::Error;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, OsError, Reason, SendFileDescriptorError, UnixAddress};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// An IP address as Python's `socket` has it: host, port, flow information, scope.
pub(crate) type SocketTuple = (String, u16, u32, u32);

/// `("ip4", host, port)`, `("ip6", host, port, flow, scope)` or `("unix", name)`, whose name is `None` where
/// there is none, and begins with a NUL byte where it is abstract.
pub(crate) fn address_tuple<'py>(
    py: Python<'py>,
    address: &Address,
) -> PyResult<Bound<'py, PyAny>> {
    match address {
        Address::Ipv4(v4) => {
            Ok(("ip4", v4.ip().to_string(), v4.port()).into_pyobject(py)?.into_any())
        }
        Address::Ipv6(v6) => {
            let (flow, scope) = (v6.flowinfo(), v6.scope_id());
            Ok(("ip6", v6.ip().to_string(), v6.port(), flow, scope).into_pyobject(py)?.into_any())
        }
        Address::Unix(name) => {
            let name = match name {
                UnixAddress::Path(path) => Some(PyBytes::new(py, path)),
                UnixAddress::Abstract(name) => Some(PyBytes::new(py, &[b"\0", &name[..]].concat())),
                UnixAddress::Unnamed => None,
            };
            Ok(("unix", name).into_pyobject(py)?.into_any())
        }
        other => Ok(("other", other.to_string()).into_pyobject(py)?.into_any()),
    }
}

/// An address that Python has resolved.
pub(crate) fn to_socket_addr(tuple: &SocketTuple) -> PyResult<SocketAddr> {
    let (host, port, flow, scope) = tuple;
    let host = host.split_once('%').map_or(&**host, |(host, _)| host);
    match host.parse() {
        Ok(IpAddr::V4(ip)) => Ok(SocketAddr::from((ip, *port))),
        Ok(IpAddr::V6(ip)) => Ok(SocketAddrV6::new(ip, *port, *flow, *scope).into()),
        Err(_) => Err(PyValueError::new_err(format!("not an IP address: {host:?}"))),
    }
}

/// The name of a UNIX socket, as Python's `socket` has it.
pub(crate) fn to_unix_address(name: &[u8]) -> UnixAddress {
    match name {
        [] => UnixAddress::Unnamed,
        [0, name @ ..] => UnixAddress::Abstract(Rc::from(name)),
        path => UnixAddress::Path(Rc::from(path)),
    }
}

/// A time of Python's in seconds. One that is not a number, or negative, is none at all.
pub(crate) fn to_duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(if seconds > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    })
}

/// The error number at the bottom of an error.
fn errno_of(error: &(dyn Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<OsError>() {
            return Some(error.raw_os_error());
        }
        if let Some(number) =
            error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error)
        {
            return Some(number);
        }
        next = error.source();
    }
    None
}

/// An error as its number and its text with all causes.
pub(crate) fn error_parts(error: &(dyn Error + 'static)) -> (Option<i32>, String) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    (errno_of(error), text)
}

/// An error as `OSError`, with the number `otherwise` if it has none.
pub(crate) fn os_error(error: &(dyn Error + 'static), otherwise: i32) -> PyErr {
    let (number, text) = error_parts(error);
    PyOSError::new_err((number.unwrap_or(otherwise), text))
}

/// A reason as its kind, its error number and its text.
pub(crate) fn reason_parts(reason: &Reason) -> (&'static str, Option<i32>, String) {
    let kind = match reason {
        Reason::Done => "done",
        Reason::Aborted => "aborted",
        Reason::Lost(cause) if cause.check::<SendFileDescriptorError>() => "overrun",
        _ => "lost",
    };
    let (number, text) = error_parts(reason);
    (kind, number, text)
}
