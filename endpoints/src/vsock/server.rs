//! [`VsockServerEndpoint`]: opens a socket, and lets the reactor accept on it.
//!
//! Invariant: a `listen` that fails leaves no socket.

use alloc::rc::Rc;
use core::fmt;
use std::io;
use std::os::fd::OwnedFd;

use deferred::{Deferred, Failure};
use interfaces::{
    BACKLOG_MAX, Factory, ListenError, ListeningPort, ReactorSocket, StreamServerEndpoint,
    VsockAddress,
};

use super::{name_of, open, os_error};

/// A port of vsock(7) to listen on.
///
/// # Errors
///
/// `listen` fails with [`ListenError`].
#[derive(Clone)]
pub struct VsockServerEndpoint {
    reactor: Rc<dyn ReactorSocket>,
    address: VsockAddress,
    backlog: u32,
}

impl VsockServerEndpoint {
    /// Listens on this address, with as many waiting connections as the kernel allows.
    pub fn new(reactor: impl ReactorSocket + 'static, address: VsockAddress) -> Self {
        Self { reactor: Rc::new(reactor), address, backlog: BACKLOG_MAX }
    }

    /// With another number of connections that the kernel keeps before they are accepted.
    #[must_use]
    pub fn with_backlog(self, backlog: u32) -> Self {
        Self { backlog, ..self }
    }

    fn open(&self) -> io::Result<OwnedFd> {
        let socket = open()?;
        socket.bind(&name_of(self.address))?;
        socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        Ok(socket.into())
    }
}

impl StreamServerEndpoint for VsockServerEndpoint {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let mut open = || self.open().map_err(|error| refused(self.address, &error));
        match self.reactor.open_stream_port(&self.address.into(), &mut open, factory) {
            Ok(port) => Deferred::succeed(port),
            Err(error) => Deferred::fail(Failure::new(error)),
        }
    }
}

/// The system's refusal, with its likely cause.
fn refused(address: VsockAddress, error: &io::Error) -> ListenError {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "something else listens there already",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such CID; `any` is each that it has"
        }
        io::ErrorKind::PermissionDenied if address.port < 1024 => {
            "a port below 1024 needs CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::Unsupported => "this kernel has no vsock",
        _ => "",
    };
    ListenError::Refused { address: address.into(), source: os_error(error), hint: hint.into() }
}

impl fmt::Debug for VsockServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VsockServerEndpoint")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
