//! Receivers of lines; Twisted's `LineReceiver` and `LineOnlyReceiver`.
//!
//! Invariant: a line that is too long is told once, with the bytes that are skipped.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::vec::Vec;

use interfaces::{HalfCloseableProtocol, HandshakeListener, Reason};

use super::decoder::Decoder;
use super::line_decoder::{DELIMITER, LINE_MAX, LineDecoder, LineLengthExceeded};
use super::protocol::{FrameReceiver, ReceiverProtocol};
use super::sending::write_joined;
use super::transport::ReceiverTransport;

/// The protocol that runs a [`LineReceiver`].
pub type LineProtocol<R> = ReceiverProtocol<R, LineDecoder>;

/// The protocol that runs a [`LineOnlyReceiver`].
pub type LineOnlyProtocol<R> = ReceiverProtocol<R, LineOnlyDecoder>;

/// The transport of a [`LineReceiver`].
pub type LineTransport = ReceiverTransport<LineDecoder>;

/// The transport of a [`LineOnlyReceiver`].
pub type LineOnlyTransport = ReceiverTransport<LineOnlyDecoder>;

/// The behaviour of a connection whose peer sends lines, and now and then other bytes between them.
/// Twisted's `LineReceiver`.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// use protocol::receivers::{LineProtocol, LineReceiver, LineTransport};
///
/// /// `PUT 5`, and five bytes of anything, and `PUT` again.
/// struct Store { left: usize }
///
/// impl LineReceiver for Store {
///     fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
///         let length = line.strip_prefix(b"PUT ").and_then(|it| str::from_utf8(it).ok()?.parse().ok());
///         match length {
///             Some(length) => { self.left = length; transport.set_raw_mode() }
///             None => transport.send_line(b"? PUT LENGTH"),
///         }
///     }
///     fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
///         let used = self.left.min(data.len());
///         self.left -= used;
///         if self.left == 0 {
///             transport.send_line(b"OK");
///             transport.set_line_mode(data.len() - used);
///         }
///     }
/// }
///
/// let factory = LineProtocol::factory(|_peer| Store { left: 0 }).into_rc();
/// # use interfaces::Event;
/// # use protocol::testing::StringTransport;
/// # let transport = StringTransport::new();
/// # let store = factory.build_protocol(&interfaces::Transport::peer(&*transport)).unwrap();
/// # store.deliver(Event::ConnectionMade(&transport.as_transport()));
/// # store.deliver(Event::DataReceived(&mut b"PUT 5\r\n\r\n\r\n!PUT\r\n".to_owned()));
/// # assert_eq!(transport.value(), b"OK\r\n? PUT LENGTH\r\n");
/// ```
pub trait LineReceiver: 'static {
    /// What ends a line; asked once. Default CR LF.
    fn delimiter(&self) -> Cow<'static, [u8]> {
        Cow::Borrowed(DELIMITER)
    }

    /// The longest line, in bytes, without the delimiter; asked once. Default 16,384. Twisted's `MAX_LENGTH`.
    #[doc(alias = "MAX_LENGTH")]
    fn max_length(&self) -> usize {
        LINE_MAX
    }

    /// [`Protocol::connection_made`](interfaces::Protocol::connection_made).
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        let _ = transport;
    }

    /// A line arrived, without its delimiter.
    #[doc(alias = "lineReceived")]
    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]);

    /// Bytes arrived in [raw mode](LineTransport::set_raw_mode), first those behind the line that began
    /// it, all of them.
    #[doc(alias = "rawDataReceived")]
    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]);

    /// A line is too long. `bytes` are all from its beginning that have arrived, which are skipped unless
    /// [`set_line_mode`](LineTransport::set_line_mode) says otherwise. Default closes the connection; what
    /// does not close it receives lines again from the next bytes on.
    #[doc(alias = "lineLengthExceeded")]
    fn line_length_exceeded(&mut self, transport: &Rc<LineTransport>, bytes: &[u8]) {
        let _ = bytes;
        transport.lose_connection();
    }

    /// [`Protocol::connection_lost`](interfaces::Protocol::connection_lost).
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, transport: &Rc<LineTransport>, reason: &Reason) {
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

/// The behaviour of a connection whose peer sends nothing but lines. Twisted's `LineOnlyReceiver`.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// use protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
///
/// struct Parrot;
///
/// impl LineOnlyReceiver for Parrot {
///     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
///         match line {
///             b"quit" => transport.lose_connection(),
///             line => transport.send_line(line),
///         }
///     }
/// }
///
/// let factory = LineOnlyProtocol::factory(|_peer| Parrot).into_rc();
/// # let _ = factory;
/// ```
///
/// # Differences from Twisted
///
/// The limit is that of [`LineReceiver`]: as many bytes as the longest line and its delimiter, where
/// Twisted refuses the longest line as soon as a part of its delimiter has come without the rest. And so are
/// the bytes with which a line that is too long is told.
pub trait LineOnlyReceiver: 'static {
    /// What ends a line; asked once. Default CR LF.
    fn delimiter(&self) -> Cow<'static, [u8]> {
        Cow::Borrowed(DELIMITER)
    }

    /// The longest line, in bytes, without the delimiter; asked once. Default 16,384. Twisted's `MAX_LENGTH`.
    #[doc(alias = "MAX_LENGTH")]
    fn max_length(&self) -> usize {
        LINE_MAX
    }

    /// [`Protocol::connection_made`](interfaces::Protocol::connection_made).
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
        let _ = transport;
    }

    /// A line arrived, without its delimiter.
    #[doc(alias = "lineReceived")]
    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]);

    /// A line is too long. `bytes` are all from its beginning that have arrived, and are skipped. Default
    /// closes the connection; what does not close it receives lines again from the next bytes on.
    #[doc(alias = "lineLengthExceeded")]
    fn line_length_exceeded(&mut self, transport: &Rc<LineOnlyTransport>, bytes: &[u8]) {
        let _ = bytes;
        transport.lose_connection();
    }

    /// [`Protocol::connection_lost`](interfaces::Protocol::connection_lost).
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, transport: &Rc<LineOnlyTransport>, reason: &Reason) {
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

impl LineTransport {
    /// Sends a line: it and the delimiter in one write. Its length is not checked, and neither are its
    /// bytes: a delimiter inside makes two lines of it, so keep it out of what users enter.
    #[doc(alias = "sendLine")]
    pub fn send_line(&self, line: &[u8]) {
        write_joined(&**self.as_transport(), [line, self.sending(), b""]);
    }

    /// From here on bytes are delivered as they come, to
    /// [`raw_data_received`](LineReceiver::raw_data_received). Those that have arrived behind the present
    /// line come first, so nothing is lost to a protocol that they are handed to: Twisted's
    /// `clearLineBuffer`, too.
    #[doc(alias = "setRawMode")]
    #[doc(alias = "clearLineBuffer")]
    pub fn set_raw_mode(&self) {
        self.deliver_raw();
    }

    /// From here on lines are delivered. `unused` of the raw bytes that are being delivered, the last
    /// ones, are the beginning of the next line; of those of a line that is too long, too. Elsewhere there
    /// are none, and the number counts for nothing. No more come again than have arrived last.
    #[doc(alias = "setLineMode")]
    pub fn set_line_mode(&self, unused: usize) {
        self.deliver_frames(unused);
    }
}

impl LineOnlyTransport {
    /// Sends a line, as [`LineTransport::send_line`] does.
    #[doc(alias = "sendLine")]
    pub fn send_line(&self, line: &[u8]) {
        write_joined(&**self.as_transport(), [line, self.sending(), b""]);
    }
}

impl<R: LineReceiver> FrameReceiver<LineDecoder> for R {
    fn decoder(&self) -> LineDecoder {
        LineDecoder::new().with_delimiter(self.delimiter()).with_max_length(self.max_length())
    }

    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        LineReceiver::connection_made(self, transport);
    }

    #[inline]
    fn frame_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        self.line_received(transport, line);
    }

    fn framing_failed(&mut self, transport: &Rc<LineTransport>, error: LineLengthExceeded<'_>) {
        self.line_length_exceeded(transport, error.bytes);
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        LineReceiver::raw_data_received(self, transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<LineTransport>, reason: &Reason) {
        LineReceiver::connection_lost(self, transport, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        LineReceiver::as_half_closeable(self)
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        LineReceiver::as_handshake_listener(self)
    }
}

/// The [`LineDecoder`] of a [`LineOnlyReceiver`], whose transport has no raw mode.
#[derive(Debug, Default)]
pub struct LineOnlyDecoder(LineDecoder);

impl Decoder for LineOnlyDecoder {
    type Error<'a> = LineLengthExceeded<'a>;
    type Sending = Cow<'static, [u8]>;

    #[inline]
    fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'a [u8], LineLengthExceeded<'a>>> {
        self.0.next_frame(input)
    }

    fn take_rest(&mut self) -> Vec<u8> {
        self.0.take_rest()
    }

    fn sending(&self) -> Cow<'static, [u8]> {
        self.0.sending()
    }
}

impl<R: LineOnlyReceiver> FrameReceiver<LineOnlyDecoder> for R {
    fn decoder(&self) -> LineOnlyDecoder {
        let lines = LineDecoder::new().with_delimiter(self.delimiter());
        LineOnlyDecoder(lines.with_max_length(self.max_length()))
    }

    fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
        LineOnlyReceiver::connection_made(self, transport);
    }

    #[inline]
    fn frame_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        self.line_received(transport, line);
    }

    fn framing_failed(&mut self, transport: &Rc<LineOnlyTransport>, error: LineLengthExceeded<'_>) {
        self.line_length_exceeded(transport, error.bytes);
    }

    /// Never called, as the transport has no raw mode.
    fn raw_data_received(&mut self, _: &Rc<LineOnlyTransport>, _: &[u8]) {}

    fn connection_lost(&mut self, transport: &Rc<LineOnlyTransport>, reason: &Reason) {
        LineOnlyReceiver::connection_lost(self, transport, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        LineOnlyReceiver::as_half_closeable(self)
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        LineOnlyReceiver::as_handshake_listener(self)
    }
}
