//! What a supervisor is told of the program's life (sd_notify(3)).
//!
//! Invariant: a supervisor that is not there, or that does not listen, changes nothing.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells a supervisor. The runner calls it with `READY=1` when the services run, and `STOPPING=1` when they
/// stop.
pub trait Notify {
    /// Sends assignments, one a line.
    ///
    /// # Errors
    ///
    /// Those of the way to the supervisor; the runner logs them.
    fn notify(&self, state: &str) -> io::Result<()>;
}

/// systemd and what behaves like it: a datagram to the socket that `NOTIFY_SOCKET` names.
#[derive(Debug)]
pub struct SystemdNotifier {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl SystemdNotifier {
    /// The supervisor of the environment, if it has one; else `None`.
    ///
    /// # Errors
    ///
    /// A name that is no name of a socket, or no descriptor left.
    pub fn from_environment() -> io::Result<Option<Self>> {
        std::env::var_os("NOTIFY_SOCKET").map(|name| Self::new(&name)).transpose()
    }

    /// The supervisor at a socket: a path, or an abstract name behind `@`.
    ///
    /// # Errors
    ///
    /// A name that is no name of a socket, or no descriptor left.
    pub fn new(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                let text = "the socket of a supervisor is a path or begins with @";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        };
        let socket = UnixDatagram::unbound()?;
        // A supervisor that does not read does not stop the loop.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }
}

impl Notify for SystemdNotifier {
    fn notify(&self, state: &str) -> io::Result<()> {
        self.socket.send_to_addr(state.as_bytes(), &self.address).map(drop)
    }
}
