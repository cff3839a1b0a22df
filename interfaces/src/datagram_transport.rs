//! A datagram port as a protocol sees it; Twisted's `IUDPTransport`, `IUNIXDatagramTransport` and
//! `IUNIXDatagramConnectedTransport`.
//!
//! Invariant: no method runs protocol code before it returns, and every method may be called at any
//! time.

use core::net::SocketAddr;

use crate::{Address, ListeningPort, MulticastTransport, OsError};

/// A datagram port, shared: clone the `Rc` to keep it. It is its reactor's
/// [`ListeningPort`] too.
///
/// # What happens to a datagram that is sent
///
/// The datagrams of one callback leave together when it returns, many in one system call; of very many a
/// bounded number leaves in each turn of the reactor. Where the socket's buffer is full, they wait in a
/// queue of the port, up to [`send_queue_bytes_max`](crate::ListenUdp::send_queue_bytes_max), and go on as
/// room comes, in order; one that finds the queue full is dropped and [counted](DatagramCounts::dropped).
/// On a UNIX port that is not connected, one whose receiver's queue is full is dropped and counted at once,
/// so that a receiver that does not read holds up no other. What waits when the port stops is dropped and
/// counted.
///
/// # Differences from Twisted
///
/// Twisted raises the system's error when a UDP socket's buffer is full, and drops a UNIX datagram
/// silently.
pub trait DatagramTransport: ListeningPort {
    /// Sends one datagram, which may be empty.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is sent.
    fn send_to(&self, data: &[u8], receiver: &Address) -> Result<(), SendError> {
        self.send_pieces_to(&[data], receiver)
    }

    /// Sends one datagram to the peer of a connected port.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is sent.
    fn send(&self, data: &[u8]) -> Result<(), SendError>;

    /// Sends one datagram that consists of these pieces. Twisted's `writeSequence`.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is sent.
    #[doc(alias = "writeSequence")]
    fn send_pieces_to(&self, pieces: &[&[u8]], receiver: &Address) -> Result<(), SendError>;

    /// The peer of a connected port.
    fn peer(&self) -> Option<Address>;

    /// The numbers of this port so far.
    fn counts(&self) -> DatagramCounts;

    /// The abilities of UDP, if this is a UDP port.
    fn as_udp(&self) -> Option<&dyn UdpTransport> {
        None
    }

    /// The abilities of multicast, if this is a UDP port.
    fn as_multicast(&self) -> Option<&dyn MulticastTransport> {
        None
    }
}

/// The abilities of a UDP port alone (udp(7)). Twisted's `IUDPTransport`.
#[doc(alias = "IUDPTransport")]
pub trait UdpTransport {
    /// Fixes the peer: from now on datagrams of others are not received, none can be sent to others,
    /// and refusals are told. Once. A port on all addresses has one from then on: that which datagrams to
    /// the peer leave by.
    ///
    /// # Errors
    ///
    /// [`ConnectDatagramError`]; the port goes on unconnected.
    fn connect(&self, peer: SocketAddr) -> Result<(), ConnectDatagramError>;

    /// Whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`). Off at first.
    fn broadcast_allowed(&self) -> bool;

    /// Sets `SO_BROADCAST`. On a closed port it does nothing.
    #[doc(alias = "setBroadcastAllowed")]
    fn set_broadcast_allowed(&self, allowed: bool);
}

/// How much a datagram port has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramCounts {
    /// Datagrams that came, truncated ones included.
    pub received: u64,
    /// Datagrams that were longer than the port's limit.
    pub truncated: u64,
    /// Datagrams that the system took.
    pub sent: u64,
    /// Datagrams that were dropped on this side because a queue was full, or the port stopped.
    pub dropped: u64,
    /// Datagrams that the system did not take for another reason, which the protocol was told.
    pub failed: u64,
    /// Refusals of the peer of a connected port.
    pub refused: u64,
    /// Datagrams that wait in the port's queue now.
    pub waiting: u64,
}

/// Why a datagram was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It is longer than any datagram of its kind. Twisted's `MessageLengthError`.
    #[error("cannot send a datagram of {length} bytes to {receiver}: the limit is {limit}")]
    #[doc(alias = "MessageLengthError")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
        /// Its receiver.
        receiver: Address,
    },
    /// The receiver's address is of another kind than the port's. Twisted's `InvalidAddressError`.
    #[error(
        "cannot send a datagram to {receiver} from {host}: their addresses are of different kinds"
    )]
    WrongFamily {
        /// Its receiver.
        receiver: Address,
        /// The port's address.
        host: Address,
    },
    /// The receiver's name cannot be the name of a socket: a UNIX name that is empty, has a NUL byte
    /// in it, or is too long. The peer of a connected port may be without a name.
    #[error("cannot send a datagram to {receiver}: no socket can have that name")]
    InvalidName {
        /// Its receiver.
        receiver: Address,
    },
    /// No UDP socket has the port 0 (`EINVAL`). A datagram can name it as its sender's, so a reply to one
    /// may get this.
    #[error("cannot send a datagram to {receiver}: no socket has the port 0")]
    PortZero {
        /// Its receiver.
        receiver: Address,
    },
    /// The port is connected, and to another peer.
    #[error("cannot send a datagram to {receiver}: the port is connected to {peer}")]
    ConnectedElsewhere {
        /// Its receiver.
        receiver: Address,
        /// The port's peer.
        peer: Address,
    },
    /// The port is not connected, and no receiver was given.
    #[error("cannot send a datagram from {host} without a receiver: the port is not connected")]
    NotConnected {
        /// The port's address.
        host: Address,
    },
    /// The port is closed.
    #[error("cannot send a datagram from {host}: the port is closed")]
    Closed {
        /// The address that the port had.
        host: Address,
    },
}

/// Why a datagram port was not connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectDatagramError {
    /// It is connected already; Twisted's `RuntimeError`.
    #[error("cannot connect the port to {address}: it is connected to {peer}")]
    AlreadyConnected {
        /// The address that was asked for.
        address: Address,
        /// The port's peer.
        peer: Address,
    },
    /// The address is of another kind than the port's.
    #[error("cannot connect the port {host} to {address}: their addresses are of different kinds")]
    WrongFamily {
        /// The address that was asked for.
        address: Address,
        /// The port's address.
        host: Address,
    },
    /// The port is closed.
    #[error("cannot connect a closed port to {address}")]
    Closed {
        /// The address that was asked for.
        address: Address,
    },
    /// The system refused.
    #[error("cannot connect the port to {address}")]
    Refused {
        /// The address that was asked for.
        address: Address,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_error_says_what_was_attempted_and_with_what() {
        let receiver = Address::from(SocketAddr::from(([127, 0, 0, 1], 53)));
        let too_long = SendError::TooLong { length: 65_508, limit: 65_507, receiver };
        let text = "cannot send a datagram of 65508 bytes to 127.0.0.1:53: the limit is 65507";
        assert_eq!(too_long.to_string(), text);
    }
}
