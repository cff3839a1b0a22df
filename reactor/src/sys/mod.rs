//! The seam: every system call and every clock reading of the reactor goes through [`Sys`].
//!
//! Two implementations: [`Kernel`](crate::Kernel) on mio, and [`Simulated`](crate::Simulated), a
//! network in memory that a seed drives. The same connection, accept, timer and close code runs on
//! both. Invariant: nothing else in this crate calls the operating system, but the worker threads
//! of the pool, which never touch a socket.

pub(crate) mod os_error;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use interfaces::{Address, ListenError, ListenTcp, ListenUnix, UnixAddress};

/// What the reactor needs of a system. The methods are named after the calls that they make.
///
/// Readiness is edge-triggered: [`poll`](Sys::poll) reports a change once, and then again only
/// after the operation in question has transferred less than it was asked for, or answered
/// [`WouldBlock`](io::ErrorKind::WouldBlock). Reports may be spurious. All streams are
/// non-blocking. Any operation may answer [`Interrupted`](io::ErrorKind::Interrupted) and is then
/// tried again.
pub trait Sys: 'static {
    /// A stream socket, connected or connecting; dropping it closes it in order.
    type Stream: 'static;
    /// A listening socket; dropping it closes it, and removes what it put in the file system.
    type Listener: 'static;
    /// What one poll found; the reactor lends the same one to each.
    type Events: Default + 'static;

    /// The time since this system's zero; never goes back (clock_gettime(2), `CLOCK_MONOTONIC`).
    fn now(&self) -> Duration;

    /// Waits until something is ready, the waker woke, or `timeout` has passed (`None`: for ever),
    /// and notes what is ready, and nothing else. A wait that was interrupted ends early and is no
    /// error.
    ///
    /// # Errors
    ///
    /// What epoll_wait(2) answers for a broken descriptor; the reactor cannot go on.
    fn poll(&self, timeout: Option<Duration>, events: &mut Self::Events) -> io::Result<()>;

    /// What a poll has noted.
    fn reports(events: &Self::Events) -> impl Iterator<Item = impl Report>;

    /// What other threads hold to end a [`poll`](Sys::poll) early.
    fn waker(&self) -> Box<dyn Fn() + Send + Sync>;

    /// Reports this signal as [`Token::SIGNALS`] from now on, instead of its default action.
    ///
    /// # Errors
    ///
    /// A signal that cannot be caught.
    fn watch_signal(&self, signal: i32) -> io::Result<()>;

    /// The signals that came since the last time.
    fn take_signals(&self) -> Vec<i32>;

    /// Begins to listen on TCP.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    fn listen_tcp(&self, options: &ListenTcp) -> Result<Self::Listener, ListenError>;

    /// Begins to listen on a UNIX socket.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    fn listen_unix(&self, options: &ListenUnix) -> Result<Self::Listener, ListenError>;

    /// The address that is really listened on.
    fn listener_address(&self, listener: &Self::Listener) -> Address;

    /// Watches a listener for connections.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn register_listener(&self, listener: &Self::Listener, token: Token) -> io::Result<()>;

    /// Watches it no more; used while no descriptor is left to accept with.
    fn deregister_listener(&self, listener: &Self::Listener);

    /// Takes one connection and its peer (accept4(2)).
    ///
    /// # Errors
    ///
    /// What accept4(2) answers.
    fn accept(&self, listener: &Self::Listener) -> io::Result<(Self::Stream, Address)>;

    /// Whether a connection waits to be accepted (poll(2)). `false` counts as a
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) of [`accept`](Sys::accept), which takes the kernel
    /// ten times as long.
    fn connection_waits(&self, listener: &Self::Listener) -> bool;

    /// Takes one connection and closes it at once, with the descriptor that is kept in reserve for
    /// when there is no other.
    ///
    /// # Errors
    ///
    /// What accept4(2) answers even so: [`WouldBlock`](io::ErrorKind::WouldBlock) when none waits,
    /// `EMFILE` when there is no reserve either.
    fn shed(&self, listener: &Self::Listener) -> io::Result<()>;

    /// Begins to connect over TCP, from `bind` if given. The stream becomes writable when it is
    /// decided; then [`take_error`](Sys::take_error) tells.
    ///
    /// # Errors
    ///
    /// What socket(2), bind(2) or connect(2) answer at once.
    fn connect_tcp(
        &self,
        address: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> Result<Self::Stream, ConnectFault>;

    /// Begins to connect to a UNIX socket; [`WouldBlock`](io::ErrorKind::WouldBlock) means that its
    /// backlog is full and nothing was begun.
    ///
    /// # Errors
    ///
    /// What socket(2) or connect(2) answer.
    fn connect_unix(&self, address: &UnixAddress) -> io::Result<Self::Stream>;

    /// Whether a server that lives holds the lock file beside a UNIX path.
    fn is_locked(&self, address: &UnixAddress) -> bool;

    /// Watches a stream, from now until it is closed.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn register(&self, stream: &Self::Stream, token: Token, watch: Watch) -> io::Result<()>;

    /// Watches a stream that was registered for [`Watch::Reading`] for both directions from now on;
    /// room that is there already is reported, too.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn watch_writing(&self, stream: &Self::Stream, token: Token) -> io::Result<()>;

    /// Watches it no more; for a stream whose socket another process may hold open too. Closing any
    /// other stream is enough.
    fn deregister(&self, stream: &Self::Stream) {
        let _ = stream;
    }

    /// The error that waits on the stream, taken off it (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// That error.
    fn take_error(&self, stream: &Self::Stream) -> io::Result<()>;

    /// Reads what is there into the front of `buffer` (recv(2)); 0 is the end of file.
    ///
    /// # Errors
    ///
    /// What recv(2) answers.
    fn read(&self, stream: &Self::Stream, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as fits (send(2)); never raises `SIGPIPE`.
    ///
    /// # Errors
    ///
    /// What send(2) answers.
    fn write(&self, stream: &Self::Stream, data: &[u8]) -> io::Result<usize>;

    /// Writes as much as fits of several pieces (sendmsg(2)).
    ///
    /// # Errors
    ///
    /// What sendmsg(2) answers.
    fn write_vectored(&self, stream: &Self::Stream, data: &[IoSlice<'_>]) -> io::Result<usize>;

    /// As [`write`](Sys::write), for the last bytes that there will be: [`shutdown_write`] follows at
    /// once when all were taken, so the system may keep them for the packet that it makes (`MSG_MORE`).
    ///
    /// # Errors
    ///
    /// What send(2) answers.
    ///
    /// [`shutdown_write`]: Sys::shutdown_write
    fn write_last(&self, stream: &Self::Stream, data: &[u8]) -> io::Result<usize> {
        self.write(stream, data)
    }

    /// Sends the end of file after all that was written (shutdown(2), `SHUT_WR`).
    ///
    /// # Errors
    ///
    /// What shutdown(2) answers.
    fn shutdown_write(&self, stream: &Self::Stream) -> io::Result<()>;

    /// Makes the drop that follows a reset: what was written and not yet sent is lost, and the peer
    /// can tell (`SO_LINGER` of zero).
    fn reset_on_close(&self, stream: &Self::Stream);

    /// This side's address (getsockname(2)).
    fn local_address(&self, stream: &Self::Stream) -> Address;

    /// The other side's address (getpeername(2)).
    fn peer_address(&self, stream: &Self::Stream) -> Address;

    /// Reads a socket option that is on or off; `false` when that fails.
    fn option(&self, stream: &Self::Stream, option: SocketOption) -> bool;

    /// Sets a socket option that is on or off; a failure is of no consequence.
    fn set_option(&self, stream: &Self::Stream, option: SocketOption, on: bool);

    /// Process, user and group of a UNIX peer (`SO_PEERCRED`), where the system tells.
    fn peer_credentials(&self, stream: &Self::Stream) -> Option<(u32, u32, u32)>;
}

/// The options that [`TcpTransport`](interfaces::TcpTransport) offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketOption {
    /// `TCP_NODELAY`.
    NoDelay,
    /// `SO_KEEPALIVE`.
    KeepAlive,
}

/// What a stream is watched for. Its end and its errors are reported either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// What comes. Room to write may be reported too.
    Reading,
    /// What comes, and room to write.
    Both,
}

/// Which step of connecting failed at once.
#[derive(Debug)]
pub enum ConnectFault {
    /// Binding the local address.
    Bind(io::Error),
    /// Making the socket or beginning to connect.
    Connect(io::Error),
}

/// Names a slot and its tenant: the slot's number, and a generation that no earlier tenant had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub usize);

impl Token {
    /// Something woke the waker.
    pub const WAKER: Self = Self(usize::MAX);
    /// A signal came.
    pub const SIGNALS: Self = Self(usize::MAX - 1);
    /// No slot has it.
    pub(crate) const NOBODY: Self = Self(usize::MAX - 2);

    const INDEX_BITS: u32 = usize::BITS / 2;
    const INDEX_MASK: usize = (1 << Self::INDEX_BITS) - 1;

    pub(crate) fn new(index: usize, generation: usize) -> Self {
        debug_assert!(index < Self::INDEX_MASK - 2, "the tokens above use the last indices");
        Self(index | (generation << Self::INDEX_BITS))
    }

    pub(crate) fn index(self) -> usize {
        self.0 & Self::INDEX_MASK
    }
}

/// What a poll noted about one tenant, as the system wrote it down. Most reports say that bytes came
/// and nothing else, so that is asked first, and the rest is spelled out only where it matters.
pub trait Report {
    /// Whose.
    fn token(&self) -> Token;

    /// Whether bytes came, and it is neither an error nor the peer's end. Room to write may be
    /// reported as well.
    fn brings_bytes(&self) -> bool;

    /// All that it says.
    fn ready(&self) -> Ready;
}

/// What is ready, as poll found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whose.
    pub token: Token,
    /// There may be something to read, accept or an error to fetch.
    pub readable: bool,
    /// The peer will send no more (`EPOLLRDHUP`, `EPOLLHUP`, `EPOLLERR`): read until the end of
    /// file, for there is no other report.
    pub read_closed: bool,
    /// There may be room to write, or a connection attempt is decided.
    pub writable: bool,
}

impl Report for Ready {
    fn token(&self) -> Token {
        self.token
    }

    fn brings_bytes(&self) -> bool {
        self.readable && !self.read_closed
    }

    fn ready(&self) -> Ready {
        *self
    }
}
