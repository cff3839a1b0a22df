//! The erased side of a running protocol: what transports hold and layers implement.
//!
//! Events come in the order of [`Protocol`]'s life. Invariant: here, and nowhere else, is each
//! [`Event`] taken apart by all of its variants, so that one added later is copied and delivered by
//! every mailbox and layer that exists.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
#[cfg(feature = "std")]
use std::os::fd::OwnedFd;

use crate::{Protocol, Reason, Transport, short_type_name};

/// How many bytes are read at once for a protocol that is running.
const READ_BYTES: usize = 64 * 1024;

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
    /// Bytes wait to be read: the function reads them into the buffer that it is given, once, and
    /// answers how many. Only where [`Deliver::reading_roles`] says that the protocol has a buffer of its
    /// own. What is not read by it comes as [`DataReceived`](Self::DataReceived).
    DataWaits(&'a mut dyn FnMut(&mut [u8]) -> usize),
    /// A file descriptor came, before the bytes that it came with; one that is left here is closed. Only
    /// where [`Deliver::reading_roles`] says that the protocol takes them.
    #[cfg(feature = "std")]
    FileDescriptorReceived(&'a mut Option<OwnedFd>),
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
            Self::DataReceived([]) => {}
            Self::DataReceived(data) => protocol.data_received(transport, data),
            Self::DataWaits(read) => {
                if let Some(role) = protocol.as_buffered() {
                    let buffer = role.get_buffer();
                    let length = if buffer.is_empty() { 0 } else { read(buffer) };
                    if length > 0 {
                        role.buffer_updated(transport, length);
                    }
                }
            }
            #[cfg(feature = "std")]
            Self::FileDescriptorReceived(descriptor) => {
                if let Some(role) = protocol.as_file_descriptor_receiver()
                    && let Some(descriptor) = descriptor.take()
                {
                    role.file_descriptor_received(transport, descriptor);
                }
            }
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
            Self::DataWaits(read) => {
                let mut data = vec![0; READ_BYTES];
                let length = read(&mut data);
                data.truncate(length);
                Owned::DataReceived(data)
            }
            #[cfg(feature = "std")]
            Self::FileDescriptorReceived(descriptor) => {
                Owned::FileDescriptorReceived(descriptor.take())
            }
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
            Self::DataWaits(_) => f.write_str("DataWaits"),
            #[cfg(feature = "std")]
            Self::FileDescriptorReceived(descriptor) => {
                write!(f, "FileDescriptorReceived({descriptor:?})")
            }
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
    /// Nothing is delivered where it is empty.
    DataReceived(Vec<u8>),
    #[cfg(feature = "std")]
    FileDescriptorReceived(Option<OwnedFd>),
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
            #[cfg(feature = "std")]
            Owned::FileDescriptorReceived(descriptor) => Event::FileDescriptorReceived(descriptor),
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

    /// What logs call the protocol: [`Protocol::log_prefix`]. Asked while it runs, too; a layer passes on
    /// that of the protocol above it.
    #[doc(alias = "logPrefix")]
    fn log_prefix(&self) -> &'static str {
        short_type_name::<Self>()
    }

    /// Whether the peer's end of file leaves the connection open in the other direction. Asked when
    /// it arrives.
    fn is_half_closeable(&self) -> bool;

    /// What the connection occupies until its socket is closed, which may be a while after its last event,
    /// such as a place under a cap. The transport asks before it delivers that event, and drops the answer
    /// with the socket. A layer passes on what it wraps says.
    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        None
    }

    /// How the protocol wants to be read for. Asked once, before [`Event::ConnectionMade`]. A layer that
    /// changes the bytes keeps the default; one that passes all events on passes this on, too.
    fn reading_roles(&self) -> ReadingRoles {
        ReadingRoles::default()
    }
}

/// The roles of a protocol that change how its transport reads. Without any, bytes are read into a buffer
/// that connections share and come as [`Event::DataReceived`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadingRoles {
    /// It has a buffer of its own: [`Protocol::as_buffered`].
    pub buffered: bool,
    /// It takes file descriptors: `Protocol::as_file_descriptor_receiver`. That one goes first where a
    /// protocol has both.
    pub descriptors: bool,
}

impl ReadingRoles {
    /// The roles that a protocol has.
    pub fn of<P: Protocol + ?Sized>(protocol: &mut P) -> Self {
        Self {
            buffered: protocol.as_buffered().is_some(),
            #[cfg(feature = "std")]
            descriptors: protocol.as_file_descriptor_receiver().is_some(),
            #[cfg(not(feature = "std"))]
            descriptors: false,
        }
    }
}
