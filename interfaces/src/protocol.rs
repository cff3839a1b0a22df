//! The protocol that an application writes; Twisted's `IProtocol` and its optional roles.
//!
//! Invariant: the calls of one connection come one at a time, in this order: `connection_made`
//! once, any number of the others, `connection_lost` once and last.

use alloc::rc::Rc;

#[cfg(feature = "std")]
use crate::FileDescriptorReceiver;
use crate::{BufferedProtocol, Reason, Transport, short_type_name};

/// The behaviour of one connection. Twisted's `IProtocol`.
///
/// The smallest one is a single method and no field:
///
/// ```
/// use std::rc::Rc;
/// use ropewalk_interfaces::{Protocol, Transport};
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// ```
///
/// The reactor calls every method on its own thread, from its turn, with nothing borrowed: inside,
/// anything may be called, this connection's transport included.
///
/// # Panics
///
/// A panic costs this connection only: the reactor catches it, aborts, and calls
/// `connection_lost` with [`Reason::Panicked`], unless it was that call that panicked.
///
/// # Differences from Twisted
///
/// The transport comes with every call and is not stored by a base class.
#[doc(alias = "IProtocol")]
pub trait Protocol: 'static {
    /// What logs call protocols of this type. Default the name of the type. Twisted's `logPrefix`.
    ///
    /// # Differences from Twisted
    ///
    /// It belongs to the type and not to the instance, since it is asked for while the instance runs.
    #[doc(alias = "logPrefix")]
    fn log_prefix() -> &'static str
    where
        Self: Sized,
    {
        short_type_name::<Self>()
    }

    /// The connection is ready to be written to. The first call, once. Over TLS the handshake may
    /// still be running; bytes written now are held until it is done.
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let _ = transport;
    }

    /// Bytes arrived, cut anywhere: a call may bring a part of a message or several messages. Test
    /// with one byte at a time.
    /// Never called while paused, nor after this side's `lose_connection`.
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]);

    /// The connection ended. The last call, exactly once, on a later turn than the transport call that
    /// caused it. The transport still returns its addresses, and drops what is written to it.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// An event that no layer knows ([`Event::Unknown`](crate::Event::Unknown)) came through all of
    /// them. For tests of layers.
    #[cfg(feature = "testing")]
    fn unknown_event(&mut self, transport: &Rc<dyn Transport>, number: u32) {
        let _ = (transport, number);
    }

    /// This protocol's half-close role, if it has one. Without it the peer's end of file is the end
    /// of the connection.
    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        None
    }

    /// This protocol's own buffer for what it reads, if it has one. Asked once, before
    /// [`connection_made`](Self::connection_made), and again before each read.
    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        None
    }

    /// This protocol's interest in file descriptors that the peer of a UNIX connection sends, if it has
    /// one. Asked once, before [`connection_made`](Self::connection_made), and again for each descriptor.
    /// Without it the system closes them.
    #[cfg(feature = "std")]
    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        None
    }

    /// This protocol's interest in TLS handshakes, if it has one.
    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        None
    }
}

/// The role of a protocol that outlives one direction. Twisted's `IHalfCloseableProtocol`.
#[doc(alias = "IHalfCloseableProtocol")]
pub trait HalfCloseableProtocol {
    /// The peer sends no more. Writing still works, and the connection stays until this side closes
    /// it.
    #[doc(alias = "readConnectionLost")]
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        let _ = transport;
    }

    /// Our `lose_write_connection` is done: all was sent, then the end of file.
    #[doc(alias = "writeConnectionLost")]
    fn write_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        let _ = transport;
    }
}

/// The role of a protocol that wants to know when TLS is up. Twisted's `IHandshakeListener`.
#[doc(alias = "IHandshakeListener")]
pub trait HandshakeListener {
    /// The handshake is done, and [`as_tls`](Transport::as_tls) has its results. Aborting here keeps
    /// queued bytes from ever leaving.
    #[doc(alias = "handshakeCompleted")]
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>);
}
