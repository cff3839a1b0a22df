//! Input that waits for the end of a pause.
//!
//! Invariant: taking it frame by frame, with a pause behind each, moves no byte more than twice.

use alloc::vec::Vec;

/// Bytes in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    /// The bytes before it are taken.
    begin: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.begin == self.bytes.len()
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // The taken ones are removed when they are more than the others, so each is moved over once.
        if self.begin > self.bytes.len() / 2 {
            self.bytes.drain(..self.begin);
            self.begin = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes all but the last `left` bytes off the front. Without bytes it owns no memory.
    pub(super) fn leave(&mut self, left: usize) {
        match left {
            0 => *self = Self::default(),
            left => self.begin = self.bytes.len().saturating_sub(left),
        }
    }
}
