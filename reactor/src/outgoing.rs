//! The bytes that wait to be sent on one stream, and the pool that their buffers come from.
//!
//! Small writes are gathered into one buffer, chunks stay as they are, and both leave in one
//! vectored write. Invariant: `unsent` is the sum of all parts less what is sent of the first one;
//! an empty queue owns no buffer, for it gave its storage back to the pool.

use std::collections::VecDeque;
use std::io::IoSlice;

use interfaces::Chunk;

/// A gathered buffer that has grown to this gets no more: growing further would copy it.
const GATHER_BYTES_MAX: usize = 64 * 1024;

/// How many pieces one system call takes; far below the kernel's `IOV_MAX` of 1,024.
const PIECES_MAX: usize = 64;

/// How many idle buffers the pool keeps: as many as connections are written to in one turn.
const POOL_BUFFERS_MAX: usize = 64;

/// What waits to be sent on one stream.
#[derive(Default)]
pub(crate) struct Outgoing {
    queue: Option<Box<Queue>>,
}

#[derive(Default)]
struct Queue {
    parts: VecDeque<Part>,
    /// How much of the first part is sent.
    sent: usize,
    unsent: usize,
    /// A buffer to gather in, kept from the last time.
    spare: Vec<u8>,
}

enum Part {
    Gathered(Vec<u8>),
    Chunk(Chunk),
}

/// Storage of queues that are empty now.
#[derive(Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is lent")]
    queues: Vec<Box<Queue>>,
}

impl Outgoing {
    /// How many bytes wait.
    #[inline]
    pub(crate) fn unsent(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.unsent)
    }

    /// Copies bytes to the end of the queue.
    pub(crate) fn gather(&mut self, data: &[u8], pool: &mut Pool) {
        if data.is_empty() {
            return;
        }
        let queue = self.queue.get_or_insert_with(|| pool.take());
        queue.unsent += data.len();
        if let Some(Part::Gathered(last)) = queue.parts.back_mut()
            && last.len() < GATHER_BYTES_MAX
        {
            last.extend_from_slice(data);
            return;
        }
        let mut buffer = std::mem::take(&mut queue.spare);
        buffer.extend_from_slice(data);
        queue.parts.push_back(Part::Gathered(buffer));
    }

    /// Puts a chunk at the end of the queue as it is.
    pub(crate) fn push(&mut self, chunk: Chunk, pool: &mut Pool) {
        if chunk.is_empty() {
            return;
        }
        let queue = self.queue.get_or_insert_with(|| pool.take());
        queue.unsent += chunk.len();
        queue.parts.push_back(Part::Chunk(chunk));
    }

    /// Hands the first pieces to `send`, which answers how many bytes it took.
    #[inline]
    pub(crate) fn send<R>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> R) -> Option<R> {
        let queue = self.queue.as_ref()?;
        if queue.parts.len() == 1 {
            return Some(send(&[IoSlice::new(&queue.parts[0].bytes()[queue.sent..])]));
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let mut skip = queue.sent;
        let mut count = 0;
        for (piece, part) in pieces.iter_mut().zip(&queue.parts) {
            *piece = IoSlice::new(&part.bytes()[skip..]);
            skip = 0;
            count += 1;
        }
        Some(send(&pieces[..count]))
    }

    /// The first `sent` bytes have left.
    #[inline]
    pub(crate) fn advance(&mut self, sent: usize, pool: &mut Pool) {
        let Some(queue) = &mut self.queue else {
            return;
        };
        queue.advance(sent);
        if queue.unsent == 0 {
            self.clear(pool);
        }
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        if let Some(queue) = self.queue.take() {
            pool.give_back(queue);
        }
    }
}

impl Queue {
    fn advance(&mut self, sent: usize) {
        self.unsent -= sent;
        self.sent += sent;
        while let Some(first) = self.parts.front() {
            let length = first.bytes().len();
            if self.sent < length {
                return;
            }
            self.sent -= length;
            if let Some(Part::Gathered(buffer)) = self.parts.pop_front() {
                self.keep(buffer);
            }
        }
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        if self.spare.capacity() == 0 && buffer.capacity() <= GATHER_BYTES_MAX {
            buffer.clear();
            self.spare = buffer;
        }
    }
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Gathered(buffer) => buffer,
            Self::Chunk(chunk) => chunk,
        }
    }
}

impl Pool {
    fn take(&mut self) -> Box<Queue> {
        self.queues.pop().unwrap_or_default()
    }

    fn give_back(&mut self, mut queue: Box<Queue>) {
        if self.queues.len() >= POOL_BUFFERS_MAX {
            return;
        }
        while let Some(part) = queue.parts.pop_front() {
            if let Part::Gathered(buffer) = part {
                queue.keep(buffer);
            }
        }
        queue.sent = 0;
        queue.unsent = 0;
        self.queues.push(queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outgoing: &Outgoing) -> Vec<u8> {
        outgoing
            .send(|pieces| pieces.iter().flat_map(|piece| piece.to_vec()).collect())
            .unwrap_or_default()
    }

    #[test]
    fn whatever_the_pieces_and_the_progress_the_bytes_are_the_same() {
        for step in 1..12 {
            let mut pool = Pool::default();
            let mut outgoing = Outgoing::default();
            outgoing.gather(b"one ", &mut pool);
            outgoing.gather(b"two ", &mut pool);
            outgoing.push(Chunk::from(b"three "), &mut pool);
            outgoing.push(Chunk::from(Vec::new()), &mut pool);
            outgoing.push(Chunk::from(b"four ".to_vec()), &mut pool);
            outgoing.gather(b"five", &mut pool);
            let mut received = Vec::new();
            while outgoing.unsent() > 0 {
                let part = sent(&outgoing);
                let taken = step.min(part.len());
                received.extend_from_slice(&part[..taken]);
                outgoing.advance(taken, &mut pool);
            }
            assert_eq!(received, b"one two three four five");
            assert!(outgoing.queue.is_none());
            assert_eq!(pool.queues.len(), 1);
        }
    }

    #[test]
    fn a_drained_queue_lends_its_buffer_to_the_next() {
        let mut pool = Pool::default();
        let mut outgoing = Outgoing::default();
        outgoing.gather(&[1; 100], &mut pool);
        outgoing.advance(100, &mut pool);
        let capacity = pool.queues[0].spare.capacity();
        assert!(capacity >= 100);
        let mut other = Outgoing::default();
        other.gather(b"x", &mut pool);
        assert!(pool.queues.is_empty());
        assert_eq!(sent(&other), b"x");
    }
}
