//! UNIX datagram sockets as a capability; Twisted's `IReactorUNIXDatagram`.
//!
//! Invariant: a path is never taken from a socket that is there, and only the port that made it removes
//! it.

use alloc::rc::Rc;

use crate::reactor_udp::SEND_QUEUE_BYTES_MAX;
use crate::{DatagramTransport, DeliverDatagram, ListenError, OsError, UnixAddress};

/// The ability to send and receive over UNIX datagram sockets.
#[doc(alias = "IReactorUNIXDatagram")]
pub trait ReactorUnixDatagram {
    /// Opens a port at a path or abstract name, or without a name; then it can only send.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenUNIXDatagram")]
    fn listen_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError>;

    /// Opens a port that is connected to the socket at `peer`. Without an own name, which
    /// `options.address` gives it, the peer cannot answer.
    ///
    /// # Errors
    ///
    /// [`ConnectUnixDatagramError`]; nothing is left behind.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted calls `connectionFailed` of the protocol, as the answer of the system is known at once.
    #[doc(alias = "connectUNIXDatagram")]
    fn connect_unix_datagram(
        &self,
        peer: &UnixAddress,
        options: &ListenUnixDatagram,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ConnectUnixDatagramError>;
}

/// The options of a UNIX datagram port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenUnixDatagram {
    /// The path or abstract name; [`UnixAddress::Unnamed`] binds none. A path that is there stays, whatever
    /// it is, and the port is not opened.
    pub address: UnixAddress,
    /// The permission bits of the socket's file, from its first moment on. Default 0600; Twisted's is
    /// 0666.
    pub mode: u32,
    /// The longest datagram that is received whole, in bytes; of a longer one
    /// [`datagram_truncated`](crate::DatagramProtocol::datagram_truncated) tells. Default 65,536;
    /// Twisted's is 8192.
    pub packet_bytes_max: usize,
    /// How many bytes of datagrams wait while the queue of the peer of a connected port is full, each
    /// counted with [`QUEUED_DATAGRAM_BYTES`](crate::QUEUED_DATAGRAM_BYTES) more. Default 1 MiB.
    pub send_queue_bytes_max: usize,
}

impl ListenUnixDatagram {
    /// A port at `address` with the defaults.
    pub fn new(address: UnixAddress) -> Self {
        Self {
            address,
            mode: 0o600,
            packet_bytes_max: 64 * 1024,
            send_queue_bytes_max: SEND_QUEUE_BYTES_MAX,
        }
    }

    /// With another [`mode`](Self::mode).
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// With another [`packet_bytes_max`](Self::packet_bytes_max).
    #[must_use]
    pub fn with_packet_bytes_max(mut self, packet_bytes_max: usize) -> Self {
        self.packet_bytes_max = packet_bytes_max;
        self
    }

    /// With another [`send_queue_bytes_max`](Self::send_queue_bytes_max).
    #[must_use]
    pub fn with_send_queue_bytes_max(mut self, send_queue_bytes_max: usize) -> Self {
        self.send_queue_bytes_max = send_queue_bytes_max;
        self
    }
}

/// Why a connected UNIX datagram port could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectUnixDatagramError {
    /// The own name could not be bound.
    #[error("cannot open the port to connect to unix:{peer}")]
    Listen {
        /// The peer.
        peer: UnixAddress,
        /// What went wrong at the own name.
        #[source]
        source: ListenError,
    },
    /// The peer's name leads to no datagram socket that may be used.
    #[error("cannot connect a datagram port to unix:{peer}")]
    Refused {
        /// The peer.
        peer: UnixAddress,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

impl<R: ReactorUnixDatagram + ?Sized> ReactorUnixDatagram for Rc<R> {
    fn listen_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        (**self).listen_unix_datagram(options, protocol)
    }

    fn connect_unix_datagram(
        &self,
        peer: &UnixAddress,
        options: &ListenUnixDatagram,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ConnectUnixDatagramError> {
        (**self).connect_unix_datagram(peer, options, protocol)
    }
}
