//! The unsent bytes of one stream, and the pool that lends their buffers.
//!
//! Small writes are gathered into one buffer, chunks stay as they are, and both leave in one
//! vectored write. The transport kit's `SendQueue` is this queue for transports without system calls:
//! it gives its pieces one by one, where this one fills an array for sendmsg(2). Invariant: `sent`
//! counts from the beginning of the first part that is not sent altogether; a stream with nothing
//! unsent owns no queue, for it gave that back to the pool.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::IoSlice;

use interfaces::Chunk;

/// A gathered buffer that has grown to this gets no more: growing further would copy it.
const GATHER_BYTES_MAX: usize = 64 * 1024;

/// How many pieces one system call takes; far below the kernel's `IOV_MAX` of 1,024.
const PIECES_MAX: usize = 64;

/// How many idle buffers the pool keeps, and how large one may be: 256 KiB together.
const POOL_BUFFERS_MAX: usize = 32;
const POOLED_BYTES_MAX: usize = 8 * 1024;

/// The unsent bytes of one stream: nothing, or parts in storage that the pool lent.
#[derive(Default)]
pub(crate) struct SendQueue {
    parts: Cell<Option<Box<Parts>>>,
}

/// Bytes in the order in which they leave: the head, then the rest.
#[derive(Default)]
pub(crate) struct Parts {
    /// The first gathered bytes; most queues are nothing else.
    head: Vec<u8>,
    rest: VecDeque<Part>,
    rest_bytes: usize,
    /// How much of the first part is sent.
    sent: usize,
}

enum Part {
    Gathered(Vec<u8>),
    Chunk(Chunk),
}

/// Storage of queues that are empty now.
#[derive(Default)]
pub(crate) struct PartsPool {
    /// The one that came back last, which mostly is the one that is lent next.
    spare: Cell<Option<Box<Parts>>>,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is lent")]
    queues: RefCell<Vec<Box<Parts>>>,
}

impl SendQueue {
    /// How many bytes wait.
    #[inline]
    pub(crate) fn unsent(&self) -> usize {
        let parts = self.parts.take();
        let unsent = parts.as_ref().map_or(0, |parts| parts.unsent());
        self.parts.set(parts);
        unsent
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let queue = self.parts.take();
        let empty = queue.is_none();
        self.parts.set(queue);
        empty
    }

    /// Copies bytes to the end of the queue; answers how many wait then.
    #[inline]
    pub(crate) fn gather(&self, data: &[u8], pool: &PartsPool) -> usize {
        self.extend(pool, |queue| queue.gather(data))
    }

    /// Puts chunks at the end of the queue as they are; answers how many bytes wait then.
    pub(crate) fn push_all(&self, chunks: Vec<Chunk>, pool: &PartsPool) -> usize {
        self.extend(pool, |queue| chunks.into_iter().for_each(|chunk| queue.push(chunk)))
    }

    #[inline(always)]
    fn extend(&self, pool: &PartsPool, add: impl FnOnce(&mut Parts)) -> usize {
        let mut queue = self.parts.take().unwrap_or_else(|| pool.lend());
        add(&mut queue);
        self.give_back(queue, pool)
    }

    /// Takes the queue out, to be sent and then given back.
    #[inline]
    pub(crate) fn take(&self) -> Option<Box<Parts>> {
        self.parts.take()
    }

    /// Keeps what is left of a queue, and answers how many bytes that is; the pool gets one that is
    /// empty.
    #[inline]
    pub(crate) fn give_back(&self, queue: Box<Parts>, pool: &PartsPool) -> usize {
        let unsent = queue.unsent();
        if unsent == 0 {
            pool.give_back(queue);
        } else {
            self.parts.set(Some(queue));
        }
        unsent
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&self, pool: &PartsPool) {
        if let Some(mut queue) = self.parts.take() {
            queue.clear();
            pool.give_back(queue);
        }
    }
}

impl Parts {
    #[inline]
    fn unsent(&self) -> usize {
        self.head.len() + self.rest_bytes - self.sent
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.unsent() == 0
    }

    #[inline]
    fn gather(&mut self, data: &[u8]) {
        if self.rest_bytes == 0 && self.head.len() < GATHER_BYTES_MAX {
            self.head.extend_from_slice(data);
        } else {
            self.gather_behind(data);
        }
    }

    #[cold]
    fn gather_behind(&mut self, data: &[u8]) {
        self.rest_bytes += data.len();
        match self.rest.back_mut() {
            Some(Part::Gathered(last)) if last.len() < GATHER_BYTES_MAX => {
                last.extend_from_slice(data);
            }
            None | Some(_) => self.rest.push_back(Part::Gathered(data.to_vec())),
        }
    }

    fn push(&mut self, chunk: Chunk) {
        if !chunk.is_empty() {
            self.rest_bytes += chunk.len();
            self.rest.push_back(Part::Chunk(chunk));
        }
    }

    /// The unsent bytes, if they are one piece.
    #[inline]
    pub(crate) fn sole_piece(&self) -> Option<&[u8]> {
        if self.rest_bytes == 0 { self.head.get(self.sent..) } else { None }
    }

    /// Hands the first pieces to `send`, as many as one system call takes.
    pub(crate) fn send<R>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        if let Some(piece) = self.sole_piece() {
            return send(&[IoSlice::new(piece)]);
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let mut count = 0;
        let mut skip = self.sent;
        for part in self.parts().take(PIECES_MAX) {
            pieces[count] = IoSlice::new(&part[skip..]);
            count += 1;
            skip = 0;
        }
        send(&pieces[..count])
    }

    /// The parts that are not sent altogether; `sent` counts from the first one.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let head = (!self.head.is_empty()).then_some(&*self.head);
        head.into_iter().chain(self.rest.iter().map(Part::bytes))
    }

    /// The first `sent` bytes have left.
    #[inline]
    pub(crate) fn advance(&mut self, sent: usize) {
        self.sent += sent;
        if self.sent < self.head.len() {
            return;
        }
        self.sent -= self.head.len();
        self.head.clear();
        if self.rest_bytes > 0 {
            self.advance_rest();
        }
    }

    #[cold]
    fn advance_rest(&mut self) {
        while let Some(first) = self.rest.front()
            && self.sent >= first.bytes().len()
        {
            self.sent -= first.bytes().len();
            self.rest_bytes -= first.bytes().len();
            self.rest.pop_front();
        }
    }

    fn clear(&mut self) {
        self.head.clear();
        self.rest.clear();
        self.rest_bytes = 0;
        self.sent = 0;
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

impl PartsPool {
    #[inline]
    fn lend(&self) -> Box<Parts> {
        self.spare.take().unwrap_or_else(|| self.lend_another())
    }

    #[cold]
    fn lend_another(&self) -> Box<Parts> {
        self.queues.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes an empty queue back.
    #[inline]
    fn give_back(&self, queue: Box<Parts>) {
        if queue.head.capacity() <= POOLED_BYTES_MAX
            && queue.rest.capacity() <= PIECES_MAX
            && let Some(other) = self.spare.replace(Some(queue))
        {
            self.give_back_another(other);
        }
    }

    #[cold]
    fn give_back_another(&self, queue: Box<Parts>) {
        let mut queues = self.queues.borrow_mut();
        if queues.len() < POOL_BUFFERS_MAX {
            queues.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one write would be given.
    fn offered(queue: &Parts) -> Vec<u8> {
        queue.send(|pieces| pieces.iter().flat_map(|piece| piece.to_vec()).collect())
    }

    #[test]
    fn whatever_the_pieces_and_the_progress_the_bytes_are_the_same() {
        for step in 1..12 {
            let pool = PartsPool::default();
            let outgoing = SendQueue::default();
            outgoing.gather(b"one ", &pool);
            outgoing.gather(b"two ", &pool);
            let chunks = [Chunk::from(b"three "), Chunk::from(vec![]), Chunk::from(b"four ")];
            outgoing.push_all(chunks.to_vec(), &pool);
            assert_eq!(outgoing.gather(b"five", &pool), 23);
            let mut received = Vec::new();
            while let Some(mut queue) = outgoing.take() {
                let part = offered(&queue);
                let taken = step.min(part.len());
                received.extend_from_slice(&part[..taken]);
                queue.advance(taken);
                outgoing.give_back(queue, &pool);
            }
            assert_eq!(received, b"one two three four five");
            assert!(pool.spare.take().is_some());
        }
    }

    #[test]
    fn what_is_gathered_behind_a_chunk_waits_its_turn() {
        let pool = PartsPool::default();
        let outgoing = SendQueue::default();
        outgoing.push_all(vec![Chunk::from(b"chunk ")], &pool);
        outgoing.gather(b"and ", &pool);
        assert_eq!(outgoing.gather(b"more", &pool), 14);
        assert_eq!(offered(&outgoing.take().unwrap()), b"chunk and more");
    }

    #[test]
    fn a_drained_queue_lends_its_buffer_to_the_next() {
        let pool = PartsPool::default();
        let outgoing = SendQueue::default();
        outgoing.gather(&[1; 100], &pool);
        outgoing.clear(&pool);
        let other = SendQueue::default();
        other.gather(b"x", &pool);
        let queue = other.take().unwrap();
        assert!(queue.head.capacity() >= 100);
        assert_eq!(offered(&queue), b"x");
    }

    #[test]
    fn the_pool_keeps_no_more_than_its_bounds() {
        let pool = PartsPool::default();
        let full: Vec<_> = (0..100).map(|_| SendQueue::default()).collect();
        let fill = |bytes: usize| {
            let _: usize =
                full.iter().map(|outgoing| outgoing.gather(&vec![1; bytes], &pool)).sum();
            full.iter().for_each(|outgoing| outgoing.clear(&pool));
            pool.queues.borrow().len() + usize::from(pool.spare.take().is_some())
        };
        assert_eq!(fill(100), POOL_BUFFERS_MAX + 1);
        assert_eq!(fill(POOLED_BYTES_MAX + 1), 0);
    }

    #[test]
    fn the_pool_keeps_no_room_for_a_crowd_of_chunks() {
        let pool = PartsPool::default();
        let outgoing = SendQueue::default();
        let chunks = (0..1_000_000).map(|_| Chunk::from(b"x")).collect();
        outgoing.push_all(chunks, &pool);
        outgoing.clear(&pool);
        let kept = pool.spare.take().map_or(0, |queue| queue.rest.capacity() * size_of::<Part>());
        assert!(kept <= POOLED_BYTES_MAX, "{kept} bytes are kept");
    }
}
