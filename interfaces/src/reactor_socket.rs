//! Adopted sockets, which a supervisor or the program opened; Twisted's `IReactorSocket`.
//!
//! Invariant: the reactor owns an adopted socket and closes it once; it never touches its path.

use alloc::rc::Rc;
use alloc::string::String;
use std::os::fd::OwnedFd;

use crate::{
    Address, DatagramTransport, DeliverDatagram, Factory, ListenError, ListeningPort, printable,
};

/// The ability to adopt descriptors. The crate `systemd` checks inherited descriptors before it calls
/// this; the reactor checks again that each is a stream socket, and listening or connected.
#[doc(alias = "IReactorSocket")]
pub trait ReactorSocket {
    /// Accepts connections on a socket that listens already.
    ///
    /// # Errors
    ///
    /// [`ListenError::Unsuitable`]; the descriptor is closed.
    ///
    /// # Differences from Twisted
    ///
    /// The descriptor is taken over, not duplicated: give a clone to keep your own.
    #[doc(alias = "adoptStreamPort")]
    fn adopt_stream_port(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError>;

    /// Accepts connections on a socket that `open` makes and has listen, for kinds of sockets that the reactor does
    /// not open itself. Where several reactors share their ports, the first one that asks for the address opens it,
    /// and the others join. By default the socket is opened and adopted.
    ///
    /// # Errors
    ///
    /// Those of `open`; [`ListenError::Unsuitable`], and the descriptor is closed.
    fn open_stream_port(
        &self,
        address: &Address,
        open: &mut dyn FnMut() -> Result<OwnedFd, ListenError>,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let _ = address;
        self.adopt_stream_port(open()?, factory)
    }

    /// Runs a protocol of the factory on a socket that is connected already; its
    /// `connection_made` comes on a later turn.
    ///
    /// # Errors
    ///
    /// [`AdoptError`]; the descriptor is closed.
    #[doc(alias = "adoptStreamConnection")]
    fn adopt_stream_connection(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError>;

    /// Runs a protocol on a UDP or UNIX datagram socket that is bound already, connected or not. Its
    /// family and type are read from the socket. Datagrams longer than `packet_bytes_max` bytes are
    /// truncated, as [`datagram_truncated`](crate::DatagramProtocol::datagram_truncated) tells.
    ///
    /// # Errors
    ///
    /// [`ListenError::Unsuitable`]; the descriptor is closed.
    ///
    /// # Differences from Twisted
    ///
    /// The descriptor is taken over, not duplicated: give a clone to keep your own.
    #[doc(alias = "adoptDatagramPort")]
    fn adopt_datagram_port(
        &self,
        descriptor: OwnedFd,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError>;
}

/// Why a connected socket could not be adopted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The descriptor is of another kind.
    #[error("cannot adopt the descriptor as a connection: {}", printable(.reason))]
    Unsuitable {
        /// The kind that it has, and the kind that is needed.
        reason: String,
    },
    /// The factory built no protocol.
    #[error("adopted a connection, but the factory built no protocol for it")]
    NoProtocol,
}

impl<R: ReactorSocket + ?Sized> ReactorSocket for Rc<R> {
    fn adopt_stream_port(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        (**self).adopt_stream_port(descriptor, factory)
    }

    fn open_stream_port(
        &self,
        address: &Address,
        open: &mut dyn FnMut() -> Result<OwnedFd, ListenError>,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        (**self).open_stream_port(address, open, factory)
    }

    fn adopt_stream_connection(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<(), AdoptError> {
        (**self).adopt_stream_connection(descriptor, factory)
    }

    fn adopt_datagram_port(
        &self,
        descriptor: OwnedFd,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        (**self).adopt_datagram_port(descriptor, packet_bytes_max, protocol)
    }
}
