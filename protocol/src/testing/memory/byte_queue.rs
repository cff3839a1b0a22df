//! Bytes in the order in which they came, in one piece.
//!
//! Invariant: the bytes before `start` were taken; an empty queue starts at the beginning of its storage,
//! which it keeps for the next bytes.

use alloc::vec::Vec;
use core::mem;

#[derive(Default)]
pub(super) struct ByteQueue {
    bytes: Vec<u8>,
    start: usize,
}

impl ByteQueue {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, in place.
    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        let grows = data.len() > self.bytes.capacity() - self.bytes.len();
        // No more is moved than was taken before, so each byte is moved once at most for each taken.
        if grows && self.start >= self.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Takes at most `count` bytes out, as a queue of their own.
    pub(super) fn take(&mut self, count: usize) -> Self {
        if count >= self.len() {
            return mem::take(self);
        }
        let taken = Self { bytes: self.bytes[self.start..][..count].to_vec(), start: 0 };
        self.forget(count);
        taken
    }

    /// Keeps the storage of a queue that was taken and is not needed any more, unless there is some.
    pub(super) fn reuse(&mut self, mut taken: Self) {
        if self.bytes.capacity() == 0 {
            taken.clear();
            *self = taken;
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    fn forget(&mut self, count: usize) {
        self.start += count;
        if self.is_empty() {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(data: &[u8]) -> ByteQueue {
        let mut queue = ByteQueue::default();
        queue.push(data);
        queue
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came_whatever_the_pieces() {
        for step in 1..9 {
            let mut queue = ByteQueue::default();
            let mut received = Vec::new();
            for number in 0..100 {
                queue.push(&[number, number]);
                received.extend_from_slice(queue.take(step - 1).as_mut_slice());
            }
            received.extend_from_slice(queue.as_mut_slice());
            let expected: Vec<u8> = (0..100).flat_map(|number| [number, number]).collect();
            assert_eq!(received, expected, "{step}");
        }
    }

    #[test]
    fn what_was_taken_makes_room_for_what_comes() {
        let mut queue = queue(&[0; 64]);
        let capacity = queue.bytes.capacity();
        for _ in 0..1000 {
            queue.forget(48);
            queue.push(&[0; 48]);
        }
        assert_eq!((queue.len(), queue.bytes.capacity()), (64, capacity));
    }

    #[test]
    fn storage_comes_back_only_to_a_queue_without() {
        let mut first = queue(b"abc");
        let taken = first.take(3);
        first.reuse(taken);
        assert!(first.is_empty() && first.bytes.capacity() >= 3);
        first.push(b"de");
        first.reuse(queue(b"other"));
        assert_eq!(first.as_mut_slice(), b"de");
    }
}
