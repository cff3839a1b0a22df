//! [`ExactDecoder`]: frames whose length is known before they come; the buffer of Twisted's
//! `StatefulProtocol`.
//!
//! Invariant: no byte behind the frame is kept.

use alloc::vec::Vec;
use core::convert::Infallible;

use super::decoder::Decoder;
use super::partial::Partial;

/// Cuts a stream into frames of a given length, which may be another one for each frame.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::receivers::ExactDecoder;
///
/// let mut decoder = ExactDecoder::new();
/// let mut input = &b"\x03on"[..];
/// let length = decoder.next_exact(1, &mut input).expect("it has come")[0];
/// assert_eq!(decoder.next_exact(length.into(), &mut input), None);
/// assert_eq!(decoder.next_exact(length.into(), &mut &b"e"[..]), Some(&b"one"[..]));
/// ```
#[derive(Debug, Default)]
pub struct ExactDecoder {
    length: usize,
    partial: Partial,
}

impl ExactDecoder {
    /// Nothing has come.
    pub const fn new() -> Self {
        Self { length: 0, partial: Partial::new() }
    }

    /// Sets the length of the next frame, in bytes. To be called between two frames.
    pub fn set_length(&mut self, length: usize) {
        self.length = length;
    }

    /// The next `length` bytes, taken off the front of the input. `None` when they have not all come: then
    /// the input is empty, and to be asked for again is the same length.
    #[inline]
    pub fn next_exact<'a, 'i: 'a>(
        &'a mut self,
        length: usize,
        input: &mut &'i [u8],
    ) -> Option<&'a [u8]> {
        if self.partial.is_fresh()
            && let Some((frame, rest)) = input.split_at_checked(length)
        {
            *input = rest;
            return Some(frame);
        }
        self.join(length, input)
    }

    #[inline(never)]
    fn join(&mut self, length: usize, input: &mut &[u8]) -> Option<&[u8]> {
        let missing = length.saturating_sub(self.partial.len());
        let (bytes, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        if !bytes.is_empty() {
            self.partial.keep(bytes);
        }
        if self.partial.len() < length {
            return None;
        }
        Some(self.partial.lend())
    }
}

impl Decoder for ExactDecoder {
    type Error<'a> = Infallible;
    type Sending = ();

    #[inline]
    fn next_frame<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'a [u8], Infallible>> {
        self.next_exact(self.length, input).map(Ok)
    }

    fn take_rest(&mut self) -> Vec<u8> {
        self.partial.take()
    }

    fn sending(&self) {}
}
