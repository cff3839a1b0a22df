//! Why a listening socket cannot be shared with another process.
//!
//! Invariant: each error says what keeps the socket from being of use there.

use crate::OsError;

/// The error of [`ListeningPort::share_socket`](crate::ListeningPort::share_socket).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareSocketError {
    /// The port is closed, or listens without a socket.
    #[error("the port has no listening socket")]
    NoSocket,
    /// The connections come from a port of another thread, which has the socket.
    #[error("the socket is that of another thread's port")]
    OfAnotherThread,
    /// It is a UNIX socket with a path, which is removed when its port closes: a client would not find the
    /// copy any more.
    #[error("its path is removed when it closes; let the other process open it, and adopt it here")]
    Path,
    /// The system has no descriptor for a copy.
    #[error("the socket cannot be copied")]
    System(#[source] OsError),
}
