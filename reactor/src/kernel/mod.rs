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
//!   datagrams.rs                            DatagramSys; each call forwards to one of
//!     datagram_socket.rs · datagram_calls.rs  opening, receiving, sending
//!     multicast.rs                            groups
//!   look_ups.rs · hosts_file.rs             LookUpSys: getaddrinfo(3)
//!   descriptors.rs                          DescriptorSys: pipes, terminals, files
//!     stdio.rs                                those that other processes share
//!   watched.rs                              WatchSys: descriptors that something else owns
//!   processes.rs                            ProcessSys: child processes
//!     spawning.rs · exec_strings.rs           what a child is made of
//!     raw_start.rs                            clone and exec
//!     process.rs · raw_process_calls.rs       waiting, terminals, pidfd
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
mod datagram_calls;
mod datagram_socket;
mod datagrams;
mod descriptors;
mod exec_strings;
mod file_identity;
mod file_owner;
mod holder;
mod hosts_file;
mod listener;
mod lock_file;
mod look_ups;
mod multicast;
mod process;
mod processes;
mod raw_calls;
mod raw_process_calls;
mod raw_start;
mod reserve;
mod sockaddr;
mod socket_options;
mod spawning;
pub(crate) mod standard_error;
mod stdio;
mod streams;
mod unix_path;
mod watched;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use interfaces::{ListenError, StdioError};
use mio::Interest;
use mio::unix::SourceFd;
use socket2::Socket;

pub use datagram_socket::KernelDatagramSocket;
pub use descriptors::KernelDescriptor;
pub use listener::KernelListener;
pub use processes::KernelChild;
pub(crate) use raw_calls::Cores;

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
    /// Children without a pidfd are watched by `SIGCHLD`.
    watches_children: Cell<bool>,
    around_wait: Option<AroundWait>,
}

/// Calls the function that it is given, which waits for events, once.
type AroundWait = Box<dyn Fn(&mut dyn FnMut())>;

impl Kernel {
    /// Opens the poll descriptor and the waker.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) or eventfd(2) answer: `EMFILE` when no descriptor is left.
    pub fn new() -> io::Result<Self> {
        processes::reap_left(None);
        let poll = mio::Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(Token::WAKER.0))?);
        Ok(Self {
            zero: Instant::now(),
            poll: RefCell::new(poll),
            waker,
            reserve: Reserve::new(),
            signals: RefCell::new(None),
            signal_raised: Arc::default(),
            watches_children: Cell::new(false),
            around_wait: None,
        })
    }

    /// With a function around each wait for events, which calls the one that it is given, once: for a
    /// program that holds something which other threads need while the reactor sleeps, such as the lock of
    /// an interpreter. It is called in each turn on the reactor's thread, also in one that waits for
    /// nothing. If it does not call, the turn finds no events.
    #[must_use]
    pub fn with_around_wait(mut self, around: impl Fn(&mut dyn FnMut()) + 'static) -> Self {
        self.around_wait = Some(Box::new(around));
        self
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

    /// Adopts two descriptors, one to read and one to write.
    pub(crate) fn adopt_descriptors(
        input: OwnedFd,
        output: OwnedFd,
    ) -> Result<(KernelDescriptor, KernelDescriptor), StdioError> {
        stdio::pair(input, output)
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
