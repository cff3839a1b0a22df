//! Receivers of strings with their length before them; Twisted's `NetstringReceiver` and
//! `IntNStringReceiver`.
//!
//! Invariant: a stream that is wrong is told once, and then its connection is closed.

use alloc::rc::Rc;

use interfaces::{HalfCloseableProtocol, HandshakeListener, Reason};

use super::int_decoder::{Int8Decoder, Int16Decoder, Int32Decoder};
use super::netstring_decoder::NetstringDecoder;
use super::protocol::{FrameReceiver, ReceiverProtocol};
use super::sending::write_joined;
use super::string_decoder::{STRING_MAX, StringDecoder, StringError, StringTooLong};
use super::transport::ReceiverTransport;

/// The protocol that runs a receiver of netstrings. Twisted's `NetstringReceiver`.
#[doc(alias = "NetstringReceiver")]
pub type NetstringProtocol<R> = ReceiverProtocol<R, NetstringDecoder>;

/// The protocol that runs a receiver of strings behind one byte. Twisted's `Int8StringReceiver`.
#[doc(alias = "Int8StringReceiver")]
pub type Int8StringProtocol<R> = ReceiverProtocol<R, Int8Decoder>;

/// The protocol that runs a receiver of strings behind two bytes. Twisted's `Int16StringReceiver`.
#[doc(alias = "Int16StringReceiver")]
pub type Int16StringProtocol<R> = ReceiverProtocol<R, Int16Decoder>;

/// The protocol that runs a receiver of strings behind four bytes. Twisted's `Int32StringReceiver`.
#[doc(alias = "Int32StringReceiver")]
pub type Int32StringProtocol<R> = ReceiverProtocol<R, Int32Decoder>;

/// The behaviour of a connection whose peer sends strings. Twisted's `NetstringReceiver` and
/// `IntNStringReceiver`: the decoder `D` says which, and a receiver that works with any of them is generic
/// over it.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// use protocol::receivers::{Int16StringProtocol, ReceiverTransport, StringDecoder, StringReceiver};
///
/// struct Echo;
///
/// impl<D: StringDecoder> StringReceiver<D> for Echo {
///     fn string_received(&mut self, transport: &Rc<ReceiverTransport<D>>, string: &[u8]) {
///         // It came behind such a length, so it fits.
///         let _ = transport.send_string(string);
///     }
/// }
///
/// let factory = Int16StringProtocol::factory(|_peer| Echo).into_rc();
/// # let _ = factory;
/// ```
pub trait StringReceiver<D: StringDecoder>: 'static {
    /// The longest string that is received, in bytes; asked once. Default 99,999. Twisted's `MAX_LENGTH`.
    #[doc(alias = "MAX_LENGTH")]
    fn max_length(&self) -> usize {
        STRING_MAX
    }

    /// [`Protocol::connection_made`](interfaces::Protocol::connection_made).
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &Rc<ReceiverTransport<D>>) {
        let _ = transport;
    }

    /// A string arrived.
    #[doc(alias = "stringReceived")]
    fn string_received(&mut self, transport: &Rc<ReceiverTransport<D>>, string: &[u8]);

    /// The stream is wrong: a string is too long, which is told as soon as its length has come, or a
    /// netstring is none. The connection is closed when this returns; abort it to drop what is unsent.
    /// Twisted's `lengthLimitExceeded`, and its `brokenPeer`.
    ///
    /// # Differences from Twisted
    ///
    /// It cannot keep the connection open, as nothing can be received behind the error.
    #[doc(alias = "lengthLimitExceeded")]
    fn string_refused(&mut self, transport: &Rc<ReceiverTransport<D>>, error: StringError) {
        let _ = (transport, error);
    }

    /// Bytes arrived in [raw mode](ReceiverTransport::set_raw_mode), first those behind the string that
    /// began it, all of them. Default drops them.
    #[doc(alias = "rawDataReceived")]
    fn raw_data_received(&mut self, transport: &Rc<ReceiverTransport<D>>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// [`Protocol::connection_lost`](interfaces::Protocol::connection_lost).
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, transport: &Rc<ReceiverTransport<D>>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// [`Protocol::as_half_closeable`](interfaces::Protocol::as_half_closeable).
    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        None
    }

    /// [`Protocol::as_handshake_listener`](interfaces::Protocol::as_handshake_listener).
    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        None
    }
}

impl<D: StringDecoder> ReceiverTransport<D> {
    /// Sends a string with its length, in one write. The peer's limit is not known here, so it is not
    /// checked.
    ///
    /// # Errors
    ///
    /// The length does not fit before the string; nothing is written.
    #[doc(alias = "sendString")]
    pub fn send_string(&self, string: &[u8]) -> Result<(), StringTooLong> {
        let header = D::header(string.len())?;
        write_joined(&**self.as_transport(), [&header, string, D::TRAILER]);
        Ok(())
    }

    /// From here on bytes are delivered as they come, to
    /// [`raw_data_received`](StringReceiver::raw_data_received), those that have arrived behind the present
    /// string first: they belong to another protocol, to which they are handed. Twisted's `recvd`.
    #[doc(alias = "recvd")]
    pub fn set_raw_mode(&self) {
        self.deliver_raw();
    }

    /// From here on strings are delivered. `unused` of the raw bytes that are being delivered, the last
    /// ones, are the beginning of the next string. Elsewhere the number counts for nothing.
    pub fn set_string_mode(&self, unused: usize) {
        self.deliver_frames(unused);
    }
}

impl<D: StringDecoder, R: StringReceiver<D>> FrameReceiver<D> for R {
    fn decoder(&self) -> D {
        D::default().with_max_length(self.max_length())
    }

    fn connection_made(&mut self, transport: &Rc<ReceiverTransport<D>>) {
        StringReceiver::connection_made(self, transport);
    }

    #[inline]
    fn frame_received(&mut self, transport: &Rc<ReceiverTransport<D>>, string: &[u8]) {
        self.string_received(transport, string);
    }

    fn framing_failed(&mut self, transport: &Rc<ReceiverTransport<D>>, error: StringError) {
        self.string_refused(transport, error);
        if !transport.is_closed() {
            transport.lose_connection();
        }
    }

    fn raw_data_received(&mut self, transport: &Rc<ReceiverTransport<D>>, data: &[u8]) {
        StringReceiver::raw_data_received(self, transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<ReceiverTransport<D>>, reason: &Reason) {
        StringReceiver::connection_lost(self, transport, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        StringReceiver::as_half_closeable(self)
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        StringReceiver::as_handshake_listener(self)
    }
}
