//! The erased side of a running protocol: what transports hold and layers implement.
//!
//! Invariant: events come in the order of [`Protocol`](crate::Protocol)'s life, and
//! [`Event::ConnectionLost`] is the last one, once.

use alloc::rc::Rc;
use core::fmt;

use crate::{Reason, Transport};

/// What happened to a connection.
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
    /// The connection is gone.
    ConnectionLost(&'a Reason),
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
        }
    }
}

/// Takes the events of one connection: implemented by `ProtocolRef` for a protocol and by layers for
/// what they wrap; called by reactors, layers and test doubles, with nothing borrowed.
pub trait Deliver {
    /// Runs the protocol with this event, or keeps it for right after the running call when that
    /// protocol is already running.
    fn deliver(&self, event: Event<'_>);

    /// Whether the peer's end of file leaves the connection open in the other direction. Asked when
    /// it arrives.
    fn is_half_closeable(&self) -> bool;
}
