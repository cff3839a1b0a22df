//! connect(2) on a non-blocking socket.
//!
//! Invariant: no function waits; writability and `SO_ERROR` tell the outcome of an attempt later.

use std::io;

use interfaces::{ConnectTcp, UnixAddress};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::socket_options::OptionFault;
use super::{sockaddr, socket_options};
use crate::sys::ConnectFault;

pub(super) fn tcp(options: &ConnectTcp) -> Result<Socket, ConnectFault> {
    let (address, bind) = (options.address, options.bind_address);
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))
            .map_err(ConnectFault::Connect)?;
    socket_options::prepare(&socket, &options.options).map_err(|fault| match fault {
        OptionFault::Device(error) => ConnectFault::Device(error),
        OptionFault::Other(error) => ConnectFault::Connect(error),
    })?;
    if let Some(bind) = bind {
        let bound =
            socket.set_reuse_address(true).and_then(|()| socket.bind(&SockAddr::from(bind)));
        bound.map_err(ConnectFault::Bind)?;
    }
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        // The attempt goes on in the kernel (connect(2)).
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(socket),
        Err(error) if bind.is_some() && is_local(&error) => Err(ConnectFault::Bind(error)),
        Err(error) => Err(ConnectFault::Connect(error)),
    }
}

/// Whether it is the local address that cannot be used: `SO_REUSEADDR` lets bind(2) pass, and connect(2)
/// finds that the pair of addresses is in use.
fn is_local(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE))
}

pub(super) fn unix(address: &UnixAddress) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&sockaddr::from_unix(address)?)?;
    Ok(socket)
}
