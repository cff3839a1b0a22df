//! The operating system: mio for readiness, socket2 for sockets.
//!
//! ```text
//!   poll.rs · signals.rs                    Sys: the clock, epoll or kqueue, the waker, signals
//!   ready.rs                                Report: an event of mio as a report
//!   streams.rs                              StreamSys; each call forwards to one of
//!     listener.rs · reserve.rs                listening and accepting
//!     connecting.rs                           connecting
//!     raw_calls.rs · socket_options.rs        reading, writing, options
//!     ancillary.rs                            descriptors beside the bytes
//!     sockaddr.rs                             addresses
//!     holder.rs                               what has an address that is in use
//!     unix_path.rs · lock_file.rs · file_identity.rs    the file of a UNIX server
//!   standard_error.rs                       the default observer
//! ```
//!
//! Invariant: every socket made here is non-blocking, and every descriptor made here is closed on exec
//! from its first moment.

mod poll;
mod ready;
mod signals;

mod ancillary;
mod connecting;
mod file_identity;
mod holder;
mod listener;
mod lock_file;
mod raw_calls;
mod reserve;
mod sockaddr;
mod socket_options;
pub(crate) mod standard_error;
mod streams;
mod unix_path;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use interfaces::ListenError;
use mio::Interest;
use mio::unix::SourceFd;
use socket2::Socket;

pub use listener::KernelListener;

use crate::sys::Token;
use reserve::Reserve;
use signals::WatchedSignals;

/// The operating system as the reactor sees it.
pub struct Kernel {
    zero: Instant,
    poll: RefCell<mio::Poll>,
    waker: Arc<mio::Waker>,
    reserve: Reserve,
    signals: RefCell<Option<Box<dyn WatchedSignals>>>,
    /// Raised by the signals that are watched.
    signal_raised: Arc<AtomicBool>,
}

impl Kernel {
    /// Opens the poll descriptor and the waker.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) or eventfd(2) answer: `EMFILE` when no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(Token::WAKER.0))?);
        Ok(Self {
            zero: Instant::now(),
            poll: RefCell::new(poll),
            waker,
            reserve: Reserve::new(),
            signals: RefCell::new(None),
            signal_raised: Arc::default(),
        })
    }

    /// Adopts a descriptor that listens.
    pub(crate) fn adopt_listener(
        &self,
        descriptor: OwnedFd,
    ) -> Result<KernelListener, ListenError> {
        KernelListener::adopt(descriptor)
    }

    /// Adopts a descriptor that is connected; the error's text says what it is instead.
    pub(crate) fn adopt_stream(&self, descriptor: OwnedFd) -> Result<Socket, String> {
        listener::adopt_connection(descriptor)
    }

    fn register_source(
        &self,
        source: &impl AsRawFd,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let descriptor = source.as_raw_fd();
        self.poll.borrow().registry().register(
            &mut SourceFd(&descriptor),
            mio::Token(token.0),
            interest,
        )
    }

    /// Takes a source off the poll; one that was never registered is left as it is.
    fn deregister_source(&self, source: &impl AsRawFd) {
        let descriptor = source.as_raw_fd();
        drop(self.poll.borrow().registry().deregister(&mut SourceFd(&descriptor)));
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}
