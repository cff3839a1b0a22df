//! [`StreamSys`]: the system calls for TCP and UNIX stream sockets, listening and connected.
//!
//! Invariant: no call waits for a peer; one that would have to answers
//! [`WouldBlock`](io::ErrorKind::WouldBlock).

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use interfaces::{
    Address, ConnectTcp, KeepAliveTimes, ListenError, ListenTcp, ListenUnix, ShareSocketError,
    UnixAddress,
};

use super::{Ancillary, ReadAlone, Sys, Token, Watch};

/// A system with stream sockets. The methods are named after the calls that they make.
///
/// All streams are non-blocking. Any operation may answer [`Interrupted`](io::ErrorKind::Interrupted) and
/// is then tried again.
pub trait StreamSys: Sys {
    /// A stream socket, connected or connecting; dropping it closes it in order.
    type Stream: 'static;
    /// A listening socket; dropping it removes what it put in the file system, and closes it.
    type Listener: 'static;

    /// Begins to listen on TCP.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenTCP")]
    fn listen_tcp(&self, options: &ListenTcp) -> Result<Self::Listener, ListenError>;

    /// Begins to listen on a UNIX socket.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenUNIX")]
    fn listen_unix(&self, options: &ListenUnix) -> Result<Self::Listener, ListenError>;

    /// The bound address, with the port that the system chose if 0 was asked for.
    fn listener_address(&self, listener: &Self::Listener) -> Address;

    /// Watches a listener for connections.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn register_listener(&self, listener: &Self::Listener, token: Token) -> io::Result<()>;

    /// Stops watching a listener; used while no descriptor is left to accept with.
    fn deregister_listener(&self, listener: &Self::Listener);

    /// Takes one connection off the queue, with its peer's address (accept4(2)).
    ///
    /// # Errors
    ///
    /// What accept4(2) answers.
    fn accept(&self, listener: &Self::Listener) -> io::Result<(Self::Stream, Address)>;

    /// Whether a connection waits to be accepted (poll(2)). `false` counts as a
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) of [`accept`](StreamSys::accept), which takes the kernel
    /// ten times as long.
    fn connection_waits(&self, listener: &Self::Listener) -> bool;

    /// Accepts one connection and resets it at once, with the descriptor that is kept in reserve for
    /// a process that has no other left.
    ///
    /// # Errors
    ///
    /// What accept4(2) answers even so: [`WouldBlock`](io::ErrorKind::WouldBlock) when none waits,
    /// `EMFILE` when there is no reserve either.
    fn accept_and_close(&self, listener: &Self::Listener) -> io::Result<()>;

    /// Begins to connect over TCP. The stream becomes writable when the attempt is decided; then [`take_error`](StreamSys::take_error) tells.
    ///
    /// # Errors
    ///
    /// What socket(2), bind(2) or connect(2) answer at once.
    #[doc(alias = "connectTCP")]
    fn connect_tcp(&self, options: &ConnectTcp) -> Result<Self::Stream, ConnectFault>;

    /// Begins to connect to a UNIX socket; [`WouldBlock`](io::ErrorKind::WouldBlock) means that its
    /// backlog is full and nothing was begun.
    ///
    /// # Errors
    ///
    /// What socket(2) or connect(2) answer.
    #[doc(alias = "connectUNIX")]
    fn connect_unix(&self, address: &UnixAddress) -> io::Result<Self::Stream>;

    /// Whether a live server holds the lock file beside a UNIX path.
    fn is_locked(&self, address: &UnixAddress) -> bool;

    /// Watches a stream, from now until it is closed.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn register(&self, stream: &Self::Stream, token: Token, watch: Watch) -> io::Result<()>;

    /// Changes the watch of a stream from [`Watch::Reading`] to [`Watch::Both`]; room that is there
    /// already is reported, too.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) answers.
    fn watch_writing(&self, stream: &Self::Stream, token: Token) -> io::Result<()>;

    /// Stops watching a stream whose socket another process may hold open too. Closing any other
    /// stream is enough.
    fn deregister(&self, stream: &Self::Stream) {
        let _ = stream;
    }

    /// Takes the pending error off the stream (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// The pending error.
    fn take_error(&self, stream: &Self::Stream) -> io::Result<()>;

    /// Reads available bytes into the front of `buffer` (recv(2)); 0 is the end of file.
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

    /// As [`write`](StreamSys::write), for the last bytes of the stream: [`shutdown_write`] follows at
    /// once if all were taken, so the system may send them in one packet with the end of file
    /// (`MSG_MORE`).
    ///
    /// # Errors
    ///
    /// What send(2) answers.
    ///
    /// [`shutdown_write`]: StreamSys::shutdown_write
    fn write_last(&self, stream: &Self::Stream, data: &[u8]) -> io::Result<usize> {
        self.write(stream, data)
    }

    /// As [`read`](StreamSys::read) from a UNIX socket, without what came beside the bytes (recvmsg(2)). A
    /// read ends where descriptors came, and tells so.
    ///
    /// # Errors
    ///
    /// What recvmsg(2) answers.
    fn read_alone(&self, stream: &Self::Stream, buffer: &mut [u8]) -> io::Result<ReadAlone>;

    /// As [`read`](StreamSys::read) from a UNIX socket, with what came beside the bytes (recvmsg(2)). A read
    /// ends at bytes that descriptors came with, so one that is short has not always read all.
    ///
    /// # Errors
    ///
    /// What recvmsg(2) answers.
    fn read_with_descriptors(
        &self,
        stream: &Self::Stream,
        buffer: &mut [u8],
        ancillary: &mut Ancillary,
    ) -> io::Result<usize>;

    /// As [`write`](StreamSys::write) to a UNIX socket, with descriptors beside the first byte (sendmsg(2)):
    /// from one to [`DESCRIPTORS_PER_CALL_MAX`](super::DESCRIPTORS_PER_CALL_MAX) of them, and at least one
    /// byte. Those that were sent are taken out and closed here: all, or with an error none.
    ///
    /// # Errors
    ///
    /// What sendmsg(2) answers.
    fn write_with_descriptors(
        &self,
        stream: &Self::Stream,
        data: &[u8],
        descriptors: &mut Vec<OwnedFd>,
    ) -> io::Result<usize>;

    /// Sends the end of file after all that was written (shutdown(2), `SHUT_WR`).
    ///
    /// # Errors
    ///
    /// What shutdown(2) answers.
    fn shutdown_write(&self, stream: &Self::Stream) -> io::Result<()>;

    /// Whether bytes of the peer wait to be read (recv(2), `MSG_PEEK`). `false` when only the end of file
    /// or an error does.
    fn has_unread(&self, stream: &Self::Stream) -> bool;

    /// Whether the other end of a UNIX socket is closed altogether (poll(2), `POLLHUP`). It takes nothing off
    /// the socket, neither bytes nor an error.
    fn peer_is_gone(&self, stream: &Self::Stream) -> bool;

    /// How much of what was written over TCP the peer's system has not acknowledged, in bytes, with the
    /// end of file as one of them (tcp(7), `SIOCOUTQ`). 0 where the system does not tell.
    fn unacknowledged_bytes(&self, stream: &Self::Stream) -> usize;

    /// Makes the drop that follows send a reset (`SO_LINGER` of zero): bytes that were written and not
    /// yet sent are lost, and the peer is told so.
    fn reset_on_close(&self, stream: &Self::Stream);

    /// The number of a socket's descriptor, where the system has them.
    fn stream_descriptor(&self, stream: &Self::Stream) -> Option<i32> {
        let _ = stream;
        None
    }

    /// The number of a listening socket's descriptor, where the system has them.
    fn listener_descriptor(&self, listener: &Self::Listener) -> Option<i32> {
        let _ = listener;
        None
    }

    /// A copy of a listening socket, whose end here is then a close(2) alone.
    fn share_listener(&self, listener: &Self::Listener) -> Result<OwnedFd, ShareSocketError> {
        let _ = listener;
        Err(ShareSocketError::NoSocket)
    }

    /// A copy of a listening socket, whose end here is as before.
    fn copy_listener(&self, listener: &Self::Listener) -> Result<OwnedFd, ShareSocketError> {
        let _ = listener;
        Err(ShareSocketError::NoSocket)
    }

    /// A copy of a listening socket, whose end here is then a close(2) alone, and leaves its path.
    fn release_listener(&self, listener: &Self::Listener) -> Result<OwnedFd, ShareSocketError> {
        let _ = listener;
        Err(ShareSocketError::NoSocket)
    }

    /// The local address (getsockname(2)).
    fn local_address(&self, stream: &Self::Stream) -> Address;

    /// The peer's address (getpeername(2)).
    fn peer_address(&self, stream: &Self::Stream) -> Address;

    /// Reads a socket option that is on or off; `false` when that fails.
    fn option(&self, stream: &Self::Stream, option: SocketOption) -> bool;

    /// Sets a socket option that is on or off; a failure is ignored.
    fn set_option(&self, stream: &Self::Stream, option: SocketOption, on: bool);

    /// Sets `SO_KEEPALIVE` and its times; a failure is ignored.
    fn set_keep_alive_times(&self, stream: &Self::Stream, times: KeepAliveTimes);

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

/// Which step of connecting failed at once.
#[derive(Debug)]
pub enum ConnectFault {
    /// Binding to the network device.
    Device(io::Error),
    /// Binding the local address, which connect(2) may find out too.
    Bind(io::Error),
    /// Making the socket or beginning to connect.
    Connect(io::Error),
}
