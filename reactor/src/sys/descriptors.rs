//! [`DescriptorSys`]: the system calls for descriptors that are no sockets of the reactor's own: pipes,
//! terminals, files.
//!
//! Invariant: no call waits for another process; one that would have to answers
//! [`WouldBlock`](io::ErrorKind::WouldBlock).

use std::io::{self, IoSlice};

use super::{Sys, Token};

/// A system with descriptors that are read and written.
pub trait DescriptorSys: Sys {
    /// An open descriptor; dropping it closes it.
    type Descriptor: 'static;

    /// Watches a descriptor for bytes, for room and for its end, from now until it is deregistered.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn register_descriptor(
        &self,
        descriptor: &Self::Descriptor,
        token: Token,
    ) -> io::Result<Reporting>;

    /// Stops watching a descriptor; before it is closed, as another process may hold it open too.
    fn deregister_descriptor(&self, descriptor: &Self::Descriptor);

    /// Reads available bytes into the front of `buffer` (read(2)); 0 is the end of file.
    ///
    /// # Errors
    ///
    /// What read(2) answers.
    fn read_descriptor(
        &self,
        descriptor: &Self::Descriptor,
        buffer: &mut [u8],
    ) -> io::Result<usize>;

    /// Writes as much as fits of several pieces (writev(2)).
    ///
    /// # Errors
    ///
    /// What writev(2) answers.
    fn write_descriptor(
        &self,
        descriptor: &Self::Descriptor,
        data: &[IoSlice<'_>],
    ) -> io::Result<usize>;

    /// Whether the other end is gone altogether (poll(2), `POLLERR` or `POLLHUP`).
    fn has_hung_up(&self, descriptor: &Self::Descriptor) -> bool;
}

/// Whether a poll reports about a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporting {
    /// It does, edge-triggered as for all.
    ByPoll,
    /// It never does: a file, which is always ready (epoll_ctl(2), `EPERM`).
    AlwaysReady,
}
