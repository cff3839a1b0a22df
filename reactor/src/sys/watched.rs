//! [`WatchSys`]: what a system does about descriptors that something else owns.
//!
//! Invariant: no call here reads, writes or closes a descriptor.

use std::io;
use std::os::fd::BorrowedFd;

use super::{Sys, Token};

/// A system that watches descriptors of others.
pub trait WatchSys: Sys {
    /// Begins to watch a descriptor; what is ready already is reported, too.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers: `EPERM` for a regular file.
    fn watch(&self, descriptor: BorrowedFd<'_>, token: Token, wanted: Wanted) -> io::Result<()>;

    /// Watches for something else, or has what is still ready reported once more.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn watch_anew(
        &self,
        descriptor: BorrowedFd<'_>,
        token: Token,
        wanted: Wanted,
    ) -> io::Result<()>;

    /// Stops watching.
    fn unwatch(&self, descriptor: BorrowedFd<'_>);

    /// Asks for the readiness at this moment (poll(2)).
    fn look(&self, descriptor: BorrowedFd<'_>) -> Found;
}

/// What a descriptor is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Something to read.
    Reading,
    /// Room to write.
    Writing,
    /// Either.
    Both,
}

/// The readiness of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Something can be read, the end of file included.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
    /// The other end is gone, or the descriptor is broken.
    pub hung_up: bool,
}
