//! The erased side of a running datagram protocol: what datagram ports hold.
//!
//! Invariant: here alone is each [`DatagramEvent`] taken apart by all of its variants, so that one
//! added later is kept and delivered by every mailbox that exists.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::{Address, DatagramProtocol, DatagramTransport, OsError};

/// One event of a datagram port.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DatagramEvent<'a> {
    /// The port is open: the first event.
    Started,
    /// A whole datagram came.
    Received {
        /// Its bytes.
        data: &'a [u8],
        /// The socket that sent it.
        sender: &'a Address,
    },
    /// A datagram came that was longer than the port's limit.
    Truncated {
        /// Its first bytes.
        data: &'a [u8],
        /// How many bytes it had.
        length: usize,
        /// The socket that sent it.
        sender: &'a Address,
    },
    /// The peer of a connected port refused a datagram.
    Refused,
    /// The system did not take a datagram.
    SendFailed {
        /// The socket that it was for.
        receiver: &'a Address,
        /// The system call's answer.
        error: OsError,
    },
    /// The port is closed: the last event.
    Stopped,
}

impl DatagramEvent<'_> {
    /// Calls the protocol's method for this event.
    #[inline]
    pub fn dispatch<P: DatagramProtocol + ?Sized>(
        self,
        protocol: &mut P,
        transport: &Rc<dyn DatagramTransport>,
    ) {
        match self {
            Self::Started => protocol.start_protocol(transport),
            Self::Received { data, sender } => protocol.datagram_received(transport, data, sender),
            Self::Truncated { data, length, sender } => {
                protocol.datagram_truncated(transport, data, length, sender);
            }
            Self::Refused => protocol.connection_refused(transport),
            Self::SendFailed { receiver, error } => {
                protocol.send_failed(transport, receiver, error);
            }
            Self::Stopped => protocol.stop_protocol(transport),
        }
    }

    /// Copies what the event borrows, so that it can be delivered later.
    pub fn into_owned(self) -> OwnedDatagramEvent {
        OwnedDatagramEvent(match self {
            Self::Started => OwnedParts::Started,
            Self::Received { data, sender } => OwnedParts::Received(data.to_vec(), sender.clone()),
            Self::Truncated { data, length, sender } => {
                OwnedParts::Truncated(data.to_vec(), length, sender.clone())
            }
            Self::Refused => OwnedParts::Refused,
            Self::SendFailed { receiver, error } => OwnedParts::SendFailed(receiver.clone(), error),
            Self::Stopped => OwnedParts::Stopped,
        })
    }
}

/// A [`DatagramEvent`] that owns its contents: what a mailbox keeps until it can deliver it.
#[derive(Debug)]
pub struct OwnedDatagramEvent(OwnedParts);

/// The variants of [`DatagramEvent`], each with its contents. Private, so that adding one breaks no
/// match.
#[derive(Debug)]
enum OwnedParts {
    Started,
    Received(Vec<u8>, Address),
    Truncated(Vec<u8>, usize, Address),
    Refused,
    SendFailed(Address, OsError),
    Stopped,
}

impl OwnedDatagramEvent {
    /// Lends the event, to be delivered.
    pub fn as_event(&self) -> DatagramEvent<'_> {
        match &self.0 {
            OwnedParts::Started => DatagramEvent::Started,
            OwnedParts::Received(data, sender) => DatagramEvent::Received { data, sender },
            OwnedParts::Truncated(data, length, sender) => {
                DatagramEvent::Truncated { data, length: *length, sender }
            }
            OwnedParts::Refused => DatagramEvent::Refused,
            OwnedParts::SendFailed(receiver, error) => {
                DatagramEvent::SendFailed { receiver, error: *error }
            }
            OwnedParts::Stopped => DatagramEvent::Stopped,
        }
    }
}

/// Takes the events of datagram ports: implemented by `DatagramProtocolRef` for a protocol; called by
/// reactors and test doubles, with nothing borrowed.
pub trait DeliverDatagram {
    /// Runs the protocol with this event of the port behind `transport`; while that protocol is running,
    /// keeps the event for right after the running call.
    fn deliver_datagram(&self, transport: &Rc<dyn DatagramTransport>, event: DatagramEvent<'_>);

    /// What logs call the protocol: [`DatagramProtocol::log_prefix`].
    #[doc(alias = "logPrefix")]
    fn log_prefix(&self) -> &'static str;
}
