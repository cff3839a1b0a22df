//! Buffers that a factory lends to its connections, so that an idle connection owns none.
//!
//! Invariant: a buffer is either in the pool, empty, or with exactly one borrower; the pool keeps at
//! most [`KEPT_BUFFERS_MAX`] of each kind, and none of more than [`KEPT_BYTES_MAX`].

use std::cell::RefCell;

use crate::session::Outgoing;

/// How many idle buffers of each kind the pool keeps.
const KEPT_BUFFERS_MAX: usize = 4;
/// A buffer that grew larger is freed, not kept.
const KEPT_BYTES_MAX: usize = 192 * 1024;

/// The pool.
#[derive(Default)]
pub(crate) struct Buffers {
    plain: RefCell<Vec<Vec<u8>>>,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is lent")]
    outgoing: RefCell<Vec<Box<Outgoing>>>,
}

impl Buffers {
    /// An empty buffer for plaintext.
    #[inline]
    pub(crate) fn take(&self) -> Vec<u8> {
        self.plain.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a buffer for plaintext back.
    #[inline]
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        let mut kept = self.plain.borrow_mut();
        if kept.len() < KEPT_BUFFERS_MAX && (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            buffer.clear();
            kept.push(buffer);
        }
    }

    /// An empty buffer for records.
    #[inline]
    pub(crate) fn take_outgoing(&self) -> Box<Outgoing> {
        self.outgoing.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a buffer for records back.
    #[inline]
    pub(crate) fn give_outgoing(&self, mut buffer: Box<Outgoing>) {
        let mut kept = self.outgoing.borrow_mut();
        if kept.len() < KEPT_BUFFERS_MAX && (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            buffer.clear();
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_memory() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.extend_from_slice(&[1; 1000]);
        buffers.give(buffer);
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 1000);
    }

    #[test]
    fn the_pool_keeps_few_buffers_and_no_giants() {
        let buffers = Buffers::default();
        buffers.give(Vec::with_capacity(KEPT_BYTES_MAX + 1));
        assert_eq!(buffers.take().capacity(), 0);
        for _ in 0..2 * KEPT_BUFFERS_MAX {
            buffers.give(Vec::with_capacity(10));
        }
        assert_eq!(buffers.plain.borrow().len(), KEPT_BUFFERS_MAX);
    }
}
