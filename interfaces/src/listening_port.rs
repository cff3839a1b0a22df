//! A port that accepts connections, or receives datagrams; Twisted's `IListeningPort`.
//!
//! Invariant: from the moment `stop_listening` is called, no connection is accepted and no datagram
//! received.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use deferred::Deferred;

use crate::Address;

/// An open port, held open by its reactor: dropping the handle does not close it.
///
/// # Differences from Twisted
///
/// A stopped port is not started again: listen anew.
#[doc(alias = "IListeningPort")]
pub trait ListeningPort {
    /// The local address that the port is bound to, with the number that port 0 became.
    fn host(&self) -> Address;

    /// All local addresses, where one port stands for several sockets; otherwise [`host`](Self::host) alone.
    fn hosts(&self) -> Vec<Address> {
        vec![self.host()]
    }

    /// Stops accepting, at once. Fires when the socket is closed and the factory's `do_stop` has run,
    /// and fails with its failure. Accepted connections go on. On a stopped port it fires at once.
    ///
    /// A datagram port stops receiving, and fires after the protocol's `stop_protocol`, which is called on
    /// a later turn.
    #[doc(alias = "stopListening")]
    fn stop_listening(&self) -> Deferred<()>;

    /// The number of the socket's descriptor, for an option that no method sets; `None` when it is closed,
    /// or the port has none. The reactor owns it, and closes it when listening stops.
    fn raw_descriptor(&self) -> Option<i32> {
        None
    }

    /// A copy of the listening socket, for another process that listens on it too or keeps it, such as a
    /// service manager. From then on `stop_listening` closes the socket here and leaves the copy alone: it
    /// listens on, and clients wait in its backlog.
    ///
    /// # Errors
    ///
    /// [`ShareSocketError`](crate::ShareSocketError); then nothing has changed.
    #[cfg(feature = "std")]
    fn share_socket(&self) -> Result<std::os::fd::OwnedFd, crate::ShareSocketError> {
        Err(crate::ShareSocketError::NoSocket)
    }

    /// A copy of the listening socket, for a process that this one starts or becomes. Nothing changes here: a
    /// path is removed when the port closes, and a socket that this process made listens no more then, in the
    /// copy neither. After execve(2) the path stays, for nothing is closed by this process.
    ///
    /// # Errors
    ///
    /// [`ShareSocketError`](crate::ShareSocketError), never of a path.
    #[cfg(feature = "std")]
    fn copy_socket(&self) -> Result<std::os::fd::OwnedFd, crate::ShareSocketError> {
        Err(crate::ShareSocketError::NoSocket)
    }

    /// Stops listening here, and gives the listening socket away, to another process that goes on with it: a path
    /// stays, and so do clients that wait in the backlog. As after `stop_listening`, accepted connections go on.
    ///
    /// # Errors
    ///
    /// [`ShareSocketError`](crate::ShareSocketError), never of a path; then it listens on.
    #[cfg(feature = "std")]
    fn release_socket(&self) -> Result<std::os::fd::OwnedFd, crate::ShareSocketError> {
        Err(crate::ShareSocketError::NoSocket)
    }

    /// Writes what `Debug` shows: at least the address, while it listens.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListeningPort({})", self.host())
    }
}

impl fmt::Debug for dyn ListeningPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}
