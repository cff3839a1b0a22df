//! [`Decoder`]: a stream of bytes cut into frames, without a connection.
//!
//! Invariant: the frames of a stream do not depend on how it was cut into pieces.

use alloc::vec::Vec;

/// Cuts a stream into frames: bytes are pushed in, frames are taken out.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::receivers::{Decoder, LineDecoder};
///
/// let mut decoder = LineDecoder::new();
/// let mut lines = Vec::new();
/// for piece in [&b"one\r\ntw"[..], b"o\r\n"] {
///     let mut input = piece;
///     while let Some(Ok(line)) = decoder.next_frame(&mut input) {
///         lines.push(line.to_vec());
///     }
/// }
/// assert_eq!(lines, [b"one", b"two"]);
/// ```
///
/// [`ReceiverProtocol`](super::ReceiverProtocol) drives it for a connection. It needs no std and no
/// reactor, so it serves files, serial lines and tests as well.
pub trait Decoder: 'static {
    /// The way in which a stream can be wrong.
    type Error<'a>;

    /// What the transport of a receiver needs to know in order to send frames of this kind.
    type Sending: 'static;

    /// The next frame, taken off the front of the input. `None` when the input ends before the frame:
    /// then the input is empty, and its bytes are kept for the next call.
    ///
    /// A frame that lies in the input as a whole is a part of it, and nothing is copied or allocated. The
    /// time of all calls together is linear in the length of the stream, whatever its pieces are.
    ///
    /// # Errors
    ///
    /// The stream is wrong, of which each decoder says more: what it means for the bytes that follow, too.
    fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'a [u8], Self::Error<'a>>>;

    /// The bytes of the frame that has begun and is not complete, as they were on the wire; the decoder
    /// forgets them. They go to the next protocol, when a stream changes its protocol.
    fn take_rest(&mut self) -> Vec<u8>;

    /// The needs of sending: asked once for each connection.
    fn sending(&self) -> Self::Sending;
}
