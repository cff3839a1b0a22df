//! [`Outgoing`]: the buffer that records are made in.
//!
//! Invariant: bytes that were initialised once stay so, and are not zeroed for the next record.

use std::fmt;
use std::ops::Deref;

/// Records to be sent; derefs to their bytes. Reusable: [`clear`](Self::clear) keeps the memory.
#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    length: usize,
}

impl Outgoing {
    /// An empty buffer, without memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes the records.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// How many bytes of memory it holds.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// At least `size` bytes after the records, to be written to.
    pub(super) fn room(&mut self, size: usize) -> &mut [u8] {
        let end = self.length + size;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.length..]
    }

    /// Replaces the description of a plain fatal alert that is the only record from `start` on.
    pub(super) fn replace_alert(&mut self, start: usize, from: u8, to: u8) {
        let end = self.length;
        if let Some([21, _, _, 0, 2, 2, description]) = self.bytes.get_mut(start..end)
            && *description == from
        {
            *description = to;
        }
    }

    /// Adds the first `size` bytes of the room to the records.
    pub(super) fn advance(&mut self, size: usize) {
        self.length = (self.length + size).min(self.bytes.len());
    }
}

impl Deref for Outgoing {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} bytes)", self.length)
    }
}
