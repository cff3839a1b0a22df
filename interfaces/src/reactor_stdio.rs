//! This process's standard input and output as one connection; Twisted's `stdio.StandardIO`.
//!
//! Invariant: the blocking mode of a terminal, a pipe or a socket that other processes share is the same
//! before and after.

use alloc::rc::Rc;
#[cfg(feature = "std")]
use std::os::fd::OwnedFd;

use crate::{Deliver, OsError};

/// The ability to run a protocol on two descriptors, one for each direction.
///
/// The transport that the protocol gets reads one and writes the other: pipes, terminals, sockets, files
/// and `/dev/null`. The end of the input is told as the peer's end of file is, and an output whose reader
/// is gone as soon as it goes: to a half-closeable protocol as
/// [`write_connection_lost`](crate::HalfCloseableProtocol::write_connection_lost), to any other as the
/// loss of the connection. Where both other ends are gone, what the input still holds and its end come
/// first. Any other error of either descriptor is the loss of the connection, too.
pub trait ReactorStdio {
    /// Runs the protocol on standard input and output, which it takes over for the rest of the process's
    /// life: after it they are `/dev/null`. Its `connection_made` comes on a later turn.
    ///
    /// # Errors
    ///
    /// [`StdioError`]; the protocol was told nothing. `EBADF` where one of them was closed, where its
    /// number is that of something which this process has opened since (it is closed on exec), or where it
    /// is open for the other direction alone.
    fn open_stdio(&self, protocol: Rc<dyn Deliver>) -> Result<(), StdioError>;
}

/// The ability to run a protocol on two descriptors of one's own, as [`ReactorStdio`] does on the standard
/// ones: two pipes, a serial line and its clone.
#[cfg(feature = "std")]
pub trait ReactorDescriptors {
    /// Runs the protocol on these descriptors, which are closed at the end. Its `connection_made` comes on a
    /// later turn.
    ///
    /// # Errors
    ///
    /// [`StdioError`]; the descriptors are closed, and the protocol was told nothing. `EBADF` where one of
    /// them is open for the other direction alone.
    fn open_descriptors(
        &self,
        input: OwnedFd,
        output: OwnedFd,
        protocol: Rc<dyn Deliver>,
    ) -> Result<(), StdioError>;
}

/// Why two descriptors could not be made a connection, and the cause in
/// [`Reason::Lost`](crate::Reason::Lost) where one of them failed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the {direction} descriptor")]
pub struct StdioError {
    /// `"input"` or `"output"`.
    pub direction: &'static str,
    /// The system call's answer.
    #[source]
    pub source: OsError,
}

impl<R: ReactorStdio + ?Sized> ReactorStdio for Rc<R> {
    fn open_stdio(&self, protocol: Rc<dyn Deliver>) -> Result<(), StdioError> {
        (**self).open_stdio(protocol)
    }
}

#[cfg(feature = "std")]
impl<R: ReactorDescriptors + ?Sized> ReactorDescriptors for Rc<R> {
    fn open_descriptors(
        &self,
        input: OwnedFd,
        output: OwnedFd,
        protocol: Rc<dyn Deliver>,
    ) -> Result<(), StdioError> {
        (**self).open_descriptors(input, output, protocol)
    }
}
