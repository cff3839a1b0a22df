//! The real system: mio for readiness, socket2 for sockets.
//!
//! Invariant: every descriptor made here is non-blocking and closed on exec from its first moment.

mod connecting;
mod listener;
mod lock_file;
mod raw_calls;
mod reserve;
mod signals;
mod sockaddr;
mod unix_path;

use std::cell::RefCell;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use interfaces::{Address, ListenError, ListenTcp, ListenUnix, UnixAddress};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use socket2::Socket;

pub use listener::Listener;

use crate::sys::{ConnectFault, Ready, Report, SocketOption, Sys, Token, Watch};
use reserve::Reserve;
use signals::{Hooked, Signals};

/// How many events one poll fetches; more wait for the next turn.
const EVENTS_PER_POLL: usize = 1024;

/// The longest wait that is handed to the kernel; a later timer makes the reactor wait again.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What send(2) is told of bytes that the end of file follows, where the system has a word for it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MORE_FOLLOWS: libc::c_int = libc::MSG_MORE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MORE_FOLLOWS: libc::c_int = 0;

/// What one epoll_wait(2) found.
#[derive(Debug)]
pub struct KernelEvents(Events);

impl Default for KernelEvents {
    fn default() -> Self {
        Self(Events::with_capacity(EVENTS_PER_POLL))
    }
}

/// The operating system as the reactor sees it.
pub struct Kernel {
    zero: Instant,
    poll: RefCell<Poll>,
    waker: Arc<mio::Waker>,
    reserve: Reserve,
    signals: RefCell<Option<Box<dyn Signals>>>,
}

impl Kernel {
    /// Opens the poll descriptor and the waker.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) or eventfd(2) answer: `EMFILE` when no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(Token::WAKER.0))?);
        Ok(Self {
            zero: Instant::now(),
            poll: RefCell::new(poll),
            waker,
            reserve: Reserve::new(),
            signals: RefCell::new(None),
        })
    }

    /// Takes over a descriptor that listens.
    pub(crate) fn adopt_listener(&self, descriptor: OwnedFd) -> Result<Listener, ListenError> {
        Listener::adopt(descriptor)
    }

    /// Takes over a descriptor that is connected; the text says what it is instead.
    pub(crate) fn adopt_stream(&self, descriptor: OwnedFd) -> Result<Socket, String> {
        listener::adopt_connection(descriptor)
    }

    fn register_source(
        &self,
        source: &impl std::os::fd::AsRawFd,
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
}

impl Sys for Kernel {
    type Stream = Socket;
    type Listener = Listener;
    type Events = KernelEvents;

    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    fn poll(&self, timeout: Option<Duration>, events: &mut KernelEvents) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.min(WAIT_MAX));
        match self.poll.borrow_mut().poll(&mut events.0, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            answer => answer,
        }
    }

    #[inline]
    fn reports(events: &KernelEvents) -> impl Iterator<Item = impl Report> {
        events.0.iter()
    }

    fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let waker = Arc::clone(&self.waker);
        // A wake-up that fails has nobody to tell; the counter of an eventfd cannot be full.
        Box::new(move || drop(waker.wake()))
    }

    fn watch_signal(&self, signal: i32) -> io::Result<()> {
        signals::check(signal)?;
        let mut signals = self.signals.borrow_mut();
        match &*signals {
            Some(signals) => signals.add(signal),
            None => {
                let new = Hooked::new(signal)?;
                self.register_source(new.source(), Token::SIGNALS, Interest::READABLE)?;
                *signals = Some(Box::new(new));
                Ok(())
            }
        }
    }

    fn take_signals(&self) -> Vec<i32> {
        let mut signals = self.signals.borrow_mut();
        signals.as_mut().map(|signals| signals.take()).unwrap_or_default()
    }

    fn listen_tcp(&self, options: &ListenTcp) -> Result<Listener, ListenError> {
        Listener::tcp(options)
    }

    fn listen_unix(&self, options: &ListenUnix) -> Result<Listener, ListenError> {
        Listener::unix(options)
    }

    fn listener_address(&self, listener: &Listener) -> Address {
        listener.address()
    }

    fn register_listener(&self, listener: &Listener, token: Token) -> io::Result<()> {
        self.reserve.fill();
        self.register_source(listener.socket(), token, Interest::READABLE)
    }

    fn deregister_listener(&self, listener: &Listener) {
        let descriptor = listener.socket().as_raw_fd();
        // A listener that was not registered is what the caller wants.
        drop(self.poll.borrow().registry().deregister(&mut SourceFd(&descriptor)));
    }

    fn deregister(&self, stream: &Socket) {
        let descriptor = stream.as_raw_fd();
        drop(self.poll.borrow().registry().deregister(&mut SourceFd(&descriptor)));
    }

    fn accept(&self, listener: &Listener) -> io::Result<(Socket, Address)> {
        let (socket, peer) = listener::accept(listener.socket())?;
        Ok((socket, sockaddr::to_address(&peer)))
    }

    fn connection_waits(&self, listener: &Listener) -> bool {
        raw_calls::is_readable(listener.socket())
    }

    fn shed(&self, listener: &Listener) -> io::Result<()> {
        self.reserve.lend(|| listener::accept(listener.socket()).map(drop))
    }

    fn connect_tcp(
        &self,
        address: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> Result<Socket, ConnectFault> {
        connecting::tcp(address, bind)
    }

    fn connect_unix(&self, address: &UnixAddress) -> io::Result<Socket> {
        connecting::unix(address)
    }

    fn is_locked(&self, address: &UnixAddress) -> bool {
        unix_path::is_locked(address)
    }

    fn register(&self, stream: &Socket, token: Token, watch: Watch) -> io::Result<()> {
        let interest = match watch {
            Watch::Reading => Interest::READABLE,
            Watch::Both => Interest::READABLE | Interest::WRITABLE,
        };
        self.register_source(stream, token, interest)
    }

    fn watch_writing(&self, stream: &Socket, token: Token) -> io::Result<()> {
        self.poll.borrow().registry().reregister(
            &mut SourceFd(&stream.as_raw_fd()),
            mio::Token(token.0),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    fn take_error(&self, stream: &Socket) -> io::Result<()> {
        match stream.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(error),
        }
    }

    #[inline]
    fn read(&self, stream: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        raw_calls::receive(stream, buffer)
    }

    #[inline]
    fn write(&self, stream: &Socket, data: &[u8]) -> io::Result<usize> {
        raw_calls::send(stream, data, libc::MSG_NOSIGNAL)
    }

    fn write_vectored(&self, stream: &Socket, data: &[IoSlice<'_>]) -> io::Result<usize> {
        stream.send_vectored_with_flags(data, libc::MSG_NOSIGNAL)
    }

    fn write_last(&self, stream: &Socket, data: &[u8]) -> io::Result<usize> {
        raw_calls::send(stream, data, libc::MSG_NOSIGNAL | MORE_FOLLOWS)
    }

    fn shutdown_write(&self, stream: &Socket) -> io::Result<()> {
        stream.shutdown(std::net::Shutdown::Write)
    }

    fn reset_on_close(&self, stream: &Socket) {
        // Only TCP has a reset; on another socket the option changes nothing.
        drop(stream.set_linger(Some(Duration::ZERO)));
    }

    fn local_address(&self, stream: &Socket) -> Address {
        sockaddr::or_unnamed(stream.local_addr())
    }

    fn peer_address(&self, stream: &Socket) -> Address {
        sockaddr::or_unnamed(stream.peer_addr())
    }

    fn option(&self, stream: &Socket, option: SocketOption) -> bool {
        let answer = match option {
            SocketOption::NoDelay => stream.tcp_nodelay(),
            SocketOption::KeepAlive => stream.keepalive(),
        };
        answer.unwrap_or(false)
    }

    fn set_option(&self, stream: &Socket, option: SocketOption, on: bool) {
        drop(match option {
            SocketOption::NoDelay => stream.set_tcp_nodelay(on),
            SocketOption::KeepAlive => stream.set_keepalive(on),
        });
    }

    fn peer_credentials(&self, stream: &Socket) -> Option<(u32, u32, u32)> {
        raw_calls::peer_credentials(stream)
    }
}

impl Report for &mio::event::Event {
    #[inline]
    fn token(&self) -> Token {
        Token(mio::event::Event::token(self).0)
    }

    #[inline]
    fn brings_bytes(&self) -> bool {
        // Without short cuts, it is one look at the bits.
        self.is_readable() & !self.is_read_closed() & !self.is_error()
    }

    fn ready(&self) -> Ready {
        Ready {
            token: Report::token(self),
            readable: self.is_readable() | self.is_error(),
            read_closed: self.is_read_closed() | self.is_error(),
            writable: self.is_writable() | self.is_write_closed() | self.is_error(),
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}
