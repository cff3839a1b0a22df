//! The erased side of a running protocol: what transports hold and layers implement.
//!
//! Events come in the order of [`Protocol`]'s life. Invariant: here, and nowhere else, is each
//! [`Event`] taken apart by all of its variants, so that one added later is copied and delivered by
//! every mailbox and layer that exists.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use crate::{Protocol, Reason, Transport};

/// One event of a connection.
///
/// Variants may be added. A layer handles those that change it and passes all others on unchanged;
/// [`dispatch`](Self::dispatch) calls the protocol's method for any of them, and
/// [`into_owned`](Self::into_owned) keeps any of them for later.
#[non_exhaustive]
pub enum Event<'a> {
    /// The connection stands; keep the transport, as the later events do not bring it.
    ConnectionMade(&'a Rc<dyn Transport>),
    /// Bytes arrived. They may be changed in place, so that a layer can decrypt them where they are.
    DataReceived(&'a mut [u8]),
    /// The peer sends no more; only after [`Deliver::is_half_closeable`] answered `true`.
    ReadConnectionLost,
    /// `lose_write_connection` is done.
    WriteConnectionLost,
    /// A TLS layer below finished its handshake.
    HandshakeCompleted,
    /// The connection is gone: the last event, once.
    ConnectionLost(&'a Reason),
    /// An event that no layer knows, for tests of layers: it must reach
    /// [`Protocol::unknown_event`] with its number.
    #[cfg(feature = "testing")]
    Unknown(u32),
}

impl Event<'_> {
    /// Calls the protocol's method for this event, if the protocol has the role that it takes.
    ///
    /// `transport` is the one that came with [`ConnectionMade`](Self::ConnectionMade). Called by
    /// `ProtocolRef`, and by any other implementation of [`Deliver`] that owns a protocol; keeping the
    /// order of the protocol's life is the caller's part.
    pub fn dispatch<P: Protocol + ?Sized>(self, protocol: &mut P, transport: &Rc<dyn Transport>) {
        match self {
            Self::ConnectionMade(transport) => protocol.connection_made(transport),
            Self::DataReceived(data) => protocol.data_received(transport, data),
            Self::ReadConnectionLost => {
                if let Some(role) = protocol.as_half_closeable() {
                    role.read_connection_lost(transport);
                }
            }
            Self::WriteConnectionLost => {
                if let Some(role) = protocol.as_half_closeable() {
                    role.write_connection_lost(transport);
                }
            }
            Self::HandshakeCompleted => {
                if let Some(role) = protocol.as_handshake_listener() {
                    role.handshake_completed(transport);
                }
            }
            Self::ConnectionLost(reason) => protocol.connection_lost(transport, reason),
            #[cfg(feature = "testing")]
            Self::Unknown(number) => protocol.unknown_event(transport, number),
        }
    }

    /// Copies what the event borrows, so that it can be delivered later.
    pub fn into_owned(self) -> OwnedEvent {
        OwnedEvent(match self {
            Self::ConnectionMade(transport) => Owned::ConnectionMade(transport.clone()),
            Self::DataReceived(data) => Owned::DataReceived(data.to_vec()),
            Self::ReadConnectionLost => Owned::ReadConnectionLost,
            Self::WriteConnectionLost => Owned::WriteConnectionLost,
            Self::HandshakeCompleted => Owned::HandshakeCompleted,
            Self::ConnectionLost(reason) => Owned::ConnectionLost(reason.clone()),
            #[cfg(feature = "testing")]
            Self::Unknown(number) => Owned::Unknown(number),
        })
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionMade(transport) => write!(f, "ConnectionMade({})", transport.peer()),
            Self::DataReceived(data) => write!(f, "DataReceived({} bytes)", data.len()),
            Self::ReadConnectionLost => f.write_str("ReadConnectionLost"),
            Self::WriteConnectionLost => f.write_str("WriteConnectionLost"),
            Self::HandshakeCompleted => f.write_str("HandshakeCompleted"),
            Self::ConnectionLost(reason) => write!(f, "ConnectionLost({reason})"),
            #[cfg(feature = "testing")]
            Self::Unknown(number) => write!(f, "Unknown({number})"),
        }
    }
}

/// An [`Event`] that owns its contents: what a mailbox or a layer keeps until it can deliver it.
pub struct OwnedEvent(Owned);

/// The variants of [`Event`], each with its contents. Private, so that adding one breaks no match.
enum Owned {
    ConnectionMade(Rc<dyn Transport>),
    DataReceived(Vec<u8>),
    ReadConnectionLost,
    WriteConnectionLost,
    HandshakeCompleted,
    ConnectionLost(Reason),
    #[cfg(feature = "testing")]
    Unknown(u32),
}

impl OwnedEvent {
    /// Lends the event, to be delivered.
    pub fn as_event(&mut self) -> Event<'_> {
        match &mut self.0 {
            Owned::ConnectionMade(transport) => Event::ConnectionMade(transport),
            Owned::DataReceived(data) => Event::DataReceived(data),
            Owned::ReadConnectionLost => Event::ReadConnectionLost,
            Owned::WriteConnectionLost => Event::WriteConnectionLost,
            Owned::HandshakeCompleted => Event::HandshakeCompleted,
            Owned::ConnectionLost(reason) => Event::ConnectionLost(reason),
            #[cfg(feature = "testing")]
            Owned::Unknown(number) => Event::Unknown(*number),
        }
    }
}

impl fmt::Debug for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedEvent").finish_non_exhaustive()
    }
}

/// Takes the events of one connection: implemented by `ProtocolRef` for a protocol and by layers for
/// what they wrap; called by reactors, layers and test doubles, with nothing borrowed.
pub trait Deliver {
    /// Runs the protocol with this event; while that protocol is running, keeps the event for right
    /// after the running call.
    ///
    /// A layer must pass on each event that it does not know, unchanged, to what it wraps.
    fn deliver(&self, event: Event<'_>);

    /// Whether the peer's end of file leaves the connection open in the other direction. Asked when
    /// it arrives.
    fn is_half_closeable(&self) -> bool;

    /// What the connection occupies until its socket is closed, which may be a while after its last event,
    /// such as a place under a cap. The transport asks before it delivers that event, and drops the answer
    /// with the socket. A layer passes on what it wraps says.
    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        None
    }
}
