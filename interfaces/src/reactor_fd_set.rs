//! Descriptors that something else owns and reads, watched by the reactor; Twisted's `IReactorFDSet` with
//! `IReadDescriptor` and `IWriteDescriptor`.
//!
//! Invariant: the reactor neither reads, writes nor closes such a descriptor; it says when to.

use alloc::rc::Rc;
use alloc::vec::Vec;
use std::os::fd::AsFd;

use crate::{OsError, Reason};

/// A descriptor that the reactor watches: an inotify instance, a serial port, another library's socket.
/// Twisted's `IFileDescriptor`.
///
/// [`as_fd`](AsFd::as_fd) is the same descriptor for as long as it is watched. It may not wait when it is
/// read or written, so make it non-blocking.
#[doc(alias = "IFileDescriptor")]
pub trait FileDescriptor: AsFd + 'static {
    /// The descriptor is watched no more, and was not removed by a call: its other end is gone, a call
    /// answered with an error, the reactor stops. Called once, also where it was both a reader and a writer.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&self, reason: &Reason) {
        let _ = reason;
    }
}

/// A descriptor that is read when something is there. Twisted's `IReadDescriptor`.
#[doc(alias = "IReadDescriptor")]
pub trait ReadDescriptor: FileDescriptor {
    /// Something can be read. Called again, on later turns, for as long as that is so.
    ///
    /// # Errors
    ///
    /// A reason ends the watch, and [`connection_lost`](FileDescriptor::connection_lost) gets it: the end
    /// of file, an error of read(2).
    #[doc(alias = "doRead")]
    fn do_read(&self) -> Result<(), Reason>;
}

/// A descriptor that is written when there is room. Twisted's `IWriteDescriptor`.
#[doc(alias = "IWriteDescriptor")]
pub trait WriteDescriptor: FileDescriptor {
    /// There is room. Called again, on later turns, for as long as that is so: remove the writer when
    /// there is nothing to write.
    ///
    /// # Errors
    ///
    /// As for [`do_read`](ReadDescriptor::do_read).
    #[doc(alias = "doWrite")]
    fn do_write(&self) -> Result<(), Reason>;
}

/// The ability to watch descriptors of others.
///
/// An object is known by its `Rc`: the same object may be a reader and a writer, and is one descriptor
/// then. What is removed is not called any more, also not in the turn that found it ready.
///
/// # Differences from Twisted
///
/// Two objects cannot watch one descriptor: use a copy of it for the second.
#[doc(alias = "IReactorFDSet")]
pub trait ReactorFdSet {
    /// Begins to watch for something to read. Without effect for one that is a reader already.
    ///
    /// # Errors
    ///
    /// [`WatchError`]; it is not watched then.
    #[doc(alias = "addReader")]
    fn add_reader(&self, reader: Rc<dyn ReadDescriptor>) -> Result<(), WatchError>;

    /// Begins to watch for room to write. Without effect for one that is a writer already.
    ///
    /// # Errors
    ///
    /// [`WatchError`]; it is not watched then.
    #[doc(alias = "addWriter")]
    fn add_writer(&self, writer: Rc<dyn WriteDescriptor>) -> Result<(), WatchError>;

    /// Stops watching for something to read. Without effect for one that is no reader.
    #[doc(alias = "removeReader")]
    fn remove_reader(&self, reader: &Rc<dyn ReadDescriptor>);

    /// Stops watching for room to write. Without effect for one that is no writer.
    #[doc(alias = "removeWriter")]
    fn remove_writer(&self, writer: &Rc<dyn WriteDescriptor>);

    /// Removes every reader and writer, and returns each object once. The reactor's own sockets stay, and
    /// no object is told.
    #[doc(alias = "removeAll")]
    fn remove_all(&self) -> Vec<Rc<dyn FileDescriptor>>;

    /// The readers.
    fn readers(&self) -> Vec<Rc<dyn ReadDescriptor>>;

    /// The writers.
    fn writers(&self) -> Vec<Rc<dyn WriteDescriptor>>;
}

/// Why a descriptor cannot be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// It is a file or a folder, which is always ready: read it without asking (epoll_ctl(2), `EPERM`).
    #[error("cannot watch descriptor {descriptor}: a regular file is always ready")]
    NotPollable {
        /// Its number.
        descriptor: i32,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// Another object watches it already.
    #[error(
        "cannot watch descriptor {descriptor}: another object watches it, so watch a copy of it"
    )]
    InUse {
        /// Its number.
        descriptor: i32,
        /// The system call's answer: `EEXIST`.
        #[source]
        source: OsError,
    },
    /// The reactor is stopping, and has told what it watched of that.
    #[error("cannot watch descriptor {descriptor}: the reactor is stopping")]
    Stopping {
        /// Its number.
        descriptor: i32,
    },
    /// The system refused.
    #[error("cannot watch descriptor {descriptor}")]
    Refused {
        /// Its number.
        descriptor: i32,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

impl<R: ReactorFdSet + ?Sized> ReactorFdSet for Rc<R> {
    fn add_reader(&self, reader: Rc<dyn ReadDescriptor>) -> Result<(), WatchError> {
        (**self).add_reader(reader)
    }

    fn add_writer(&self, writer: Rc<dyn WriteDescriptor>) -> Result<(), WatchError> {
        (**self).add_writer(writer)
    }

    fn remove_reader(&self, reader: &Rc<dyn ReadDescriptor>) {
        (**self).remove_reader(reader);
    }

    fn remove_writer(&self, writer: &Rc<dyn WriteDescriptor>) {
        (**self).remove_writer(writer);
    }

    fn remove_all(&self) -> Vec<Rc<dyn FileDescriptor>> {
        (**self).remove_all()
    }

    fn readers(&self) -> Vec<Rc<dyn ReadDescriptor>> {
        (**self).readers()
    }

    fn writers(&self) -> Vec<Rc<dyn WriteDescriptor>> {
        (**self).writers()
    }
}
