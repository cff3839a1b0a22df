//! UDP as a capability; Twisted's `IReactorUDP`.
//!
//! Invariant: addresses are numeric; a [`Resolver`](crate::Resolver) looks names up before.

use alloc::rc::Rc;
use core::net::SocketAddr;

use crate::{DatagramTransport, DeliverDatagram, ListenError};

/// The ability to send and receive over UDP.
#[doc(alias = "IReactorUDP")]
pub trait ReactorUdp {
    /// Opens a port, and runs the protocol on it: its `start_protocol` is called before this returns.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenUDP")]
    fn listen_udp(
        &self,
        options: &ListenUdp,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError>;
}

/// The options of a UDP port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenUdp {
    /// The local address; port 0 takes a free one.
    pub address: SocketAddr,
    /// The longest datagram that is received whole, in bytes; of a longer one
    /// [`datagram_truncated`](crate::DatagramProtocol::datagram_truncated) tells. Default
    /// [`UDP_BYTES_MAX`], so none is longer; Twisted's is 8192.
    pub packet_bytes_max: usize,
    /// How many bytes of datagrams wait while the socket's buffer is full, each counted with
    /// [`QUEUED_DATAGRAM_BYTES`] more. Default 1 MiB.
    pub send_queue_bytes_max: usize,
}

/// The most bytes of any UDP datagram: its length field has 16 bits, and its own header takes 8 bytes
/// (RFC 768). Over IPv4 20 more go to the IP header.
pub const UDP_BYTES_MAX: usize = 65_527;

/// What a datagram that waits costs its port beside its own bytes, so that a number of empty ones is bounded
/// too.
pub const QUEUED_DATAGRAM_BYTES: usize = 64;

/// The default of the bytes that wait in a datagram port.
pub(crate) const SEND_QUEUE_BYTES_MAX: usize = 1024 * 1024;

impl ListenUdp {
    /// A port at `address` with the defaults.
    pub fn new(address: impl Into<SocketAddr>) -> Self {
        Self {
            address: address.into(),
            packet_bytes_max: UDP_BYTES_MAX,
            send_queue_bytes_max: SEND_QUEUE_BYTES_MAX,
        }
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

impl<R: ReactorUdp + ?Sized> ReactorUdp for Rc<R> {
    fn listen_udp(
        &self,
        options: &ListenUdp,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        (**self).listen_udp(options, protocol)
    }
}
