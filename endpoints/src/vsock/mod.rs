//! Sockets between a virtual machine and its host (vsock(7), Linux), and the strings of kind `vsock`. Twisted has
//! none.
//!
//! | kind | | by position or by name | by name only |
//! |---|---|---|---|
//! | `vsock` | server | `cid`, `port`, `backlog` (max) | |
//! | `vsock` | client | `cid`, `port` | `timeout` (30), `retry` (0) |
//!
//! `cid` is a number, `local` (1), `host` (2), or for servers `any`. `port` is a number of 32 bits, or for servers
//! `any` for one that the system chooses. So `vsock:any:5000` listens in a virtual machine, and `vsock:3:5000`
//! connects to it from the host. The kernel gives a connection up after 2 s.
//!
//! Invariant: the kind stands on what every reactor with sockets offers, adopting and watching a descriptor, and
//! needs no place in one.

mod attempt;
mod client;
mod server;
mod strings;

use std::io;

use interfaces::{OsError, ReactorFdSet, ReactorSocket, ReactorTime, VsockAddress};
use socket2::{Domain, SockAddr, Socket, Type};

pub use client::VsockClientEndpoint;
pub use server::VsockServerEndpoint;
pub use strings::{VsockClientParser, VsockServerParser};

/// What a client needs of a reactor.
trait VsockReactor: ReactorSocket + ReactorFdSet + ReactorTime {}

impl<R: ReactorSocket + ReactorFdSet + ReactorTime> VsockReactor for R {}

/// A socket that waits for nothing and is closed on exec.
fn open() -> io::Result<Socket> {
    Socket::new(Domain::VSOCK, Type::STREAM.nonblocking(), None)
}

fn name_of(address: VsockAddress) -> SockAddr {
    SockAddr::vsock(address.cid, address.port)
}

/// The system's answer; without a number it is the one of a wrong argument.
fn os_error(error: &io::Error) -> OsError {
    const EINVAL: i32 = 22;
    OsError::from_raw_os_error(error.raw_os_error().unwrap_or(EINVAL))
}
