//! [`Bytes`]: the presentation language of TLS (RFC 8446, section 3), for reading.
//!
//! Invariant: bytes that are not there are `None`, and what was read is not read again.

/// The bytes that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<Self> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Self(taken))
    }

    pub(super) fn number8(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(super) fn number16(&mut self) -> Option<u16> {
        let (&bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(bytes))
    }

    /// A vector with one byte for its length.
    pub(super) fn vector8(&mut self) -> Option<Self> {
        let length = self.number8()?;
        self.take(length.into())
    }

    /// A vector with two bytes for its length.
    pub(super) fn vector16(&mut self) -> Option<Self> {
        let length = self.number16()?;
        self.take(length.into())
    }
}
