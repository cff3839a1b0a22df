//! File descriptors that come and go over UNIX sockets (unix(7), `SCM_RIGHTS`); Twisted's
//! `IFileDescriptorReceiver` and `FileDescriptorOverrun`.
//!
//! Invariant: a descriptor has one owner at a time, and one that nothing takes is closed.

use alloc::rc::Rc;
use std::os::fd::OwnedFd;

use crate::Transport;

/// The role of a protocol that takes file descriptors. Twisted's `IFileDescriptorReceiver`.
#[doc(alias = "IFileDescriptorReceiver")]
pub trait FileDescriptorReceiver {
    /// The peer has sent a descriptor, which is closed on exec. Called once for each, in the order in
    /// which they were sent, and before the bytes that they came with.
    ///
    /// The system may hand over bytes of earlier writes together with a descriptor; they follow it then.
    /// A protocol that must know to which message a descriptor belongs says so in its bytes.
    #[doc(alias = "fileDescriptorReceived")]
    fn file_descriptor_received(&mut self, transport: &Rc<dyn Transport>, descriptor: OwnedFd);
}

/// Why descriptors could not be sent; the connection is lost with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendFileDescriptorError {
    /// The connection was closed, and no byte was written behind them. Twisted's
    /// `FileDescriptorOverrun`.
    #[error("{count} file descriptors were not sent, for no byte was written behind them")]
    #[doc(alias = "FileDescriptorOverrun")]
    Overrun {
        /// The number of descriptors.
        count: usize,
    },
    /// More wait than a connection may hold, as the peer takes none; or more were sent before one byte than
    /// the system takes with it.
    #[error("more than {limit} file descriptors wait to be sent, or wait for the same byte")]
    TooMany {
        /// The most that may wait: 1,024, or 253 for one byte.
        limit: usize,
    },
    /// The transport is a layer, such as TLS, over a UNIX socket: a descriptor would bypass the layer.
    #[error("a layer over a UNIX socket sends no file descriptors")]
    Layered,
}

/// Why something that came beside the bytes of a UNIX connection did not reach its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveFileDescriptorError {
    /// This process has no descriptor left, so the system has dropped some that were sent. The
    /// connection is lost with it, as the next descriptors would be taken for those.
    #[error("descriptors were sent for which this process has none left")]
    Truncated,
    /// Data of a kind that is not descriptors (`cmsg(3)`); it is dropped, and reading goes on.
    #[error("unsupported ancillary data of level {level} and type {kind}")]
    Unsupported {
        /// `cmsg_level`.
        level: i32,
        /// `cmsg_type`.
        kind: i32,
    },
}
