//! [`ByteBuffer`]: received bytes that wait to be read.
//!
//! Invariant: each byte is moved at most a constant number of times, whatever the pieces in which it is read.

use alloc::vec::Vec;

/// Bytes that are added at the end and taken from the front.
#[derive(Default)]
pub(super) struct ByteBuffer {
    bytes: Vec<u8>,
    /// Where the front is.
    start: usize,
}

impl ByteBuffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        // Moves the rest at most once for as many bytes as were taken.
        if self.start > 0 && self.start >= self.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Takes as many bytes as fit; answers how many.
    pub(super) fn take_into(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), self.as_slice().get(..length)) {
            to.copy_from_slice(from);
        }
        self.advance(length);
        length
    }

    /// Takes this many bytes, or all.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let length = length.min(self.len());
        let taken = self.as_slice().get(..length).unwrap_or_default().to_vec();
        self.advance(length);
        taken
    }

    fn advance(&mut self, length: usize) {
        self.start += length;
        if self.start == self.bytes.len() {
            // An idle connection owns no buffer.
            *self = Self::default();
        }
    }
}
