//! The bytes that wait to be sent on one stream, and the pool that lends the storage.
//!
//! Small writes are gathered into one buffer, chunks stay as they are, and both are offered together
//! for a vectored write. Invariant: an empty queue owns no storage, for it gave that back to the pool.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::{fmt, mem};

use interfaces::Chunk;

/// A gathered buffer that has grown to this gets no more: growing further would copy it.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// How many idle buffers the pool keeps beside the one that came back last, and how large one may be:
/// 256 KiB together.
const POOLED_BUFFERS_MAX: usize = 32;
const POOLED_BYTES_MAX: usize = 8 * 1024;

/// How many parts an idle buffer may have room for.
const POOLED_PARTS_MAX: usize = 64;

/// The unsent bytes of one stream: one word, and nothing else while it is empty.
///
/// All methods that add or remove bytes take the pool that the stream shares with others.
#[derive(Default)]
pub struct SendQueue {
    unsent: Cell<Option<Box<Unsent>>>,
}

/// Bytes in the order in which they leave, taken out of a [`SendQueue`] to be sent.
#[derive(Default)]
pub struct Unsent {
    /// The first part, which was gathered; most queues are nothing else.
    head: Vec<u8>,
    rest: VecDeque<Part>,
    rest_bytes: usize,
    /// How much of the first part is sent.
    sent: usize,
    /// How many of the bytes the pool counts.
    counted: usize,
}

enum Part {
    Gathered(Vec<u8>),
    Chunk(Chunk),
}

/// Storage of queues that are empty now, shared by the streams of one thread.
#[derive(Default)]
pub struct SendPool {
    /// The one that came back last, which mostly is the one that is lent next.
    spare: Cell<Option<Box<Unsent>>>,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is lent")]
    others: RefCell<Vec<Box<Unsent>>>,
    /// The unsent bytes of all queues that are not taken out.
    waiting: Cell<usize>,
}

impl SendQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { unsent: Cell::new(None) }
    }

    /// How many bytes wait.
    #[inline]
    pub fn len(&self) -> usize {
        let unsent = self.unsent.take();
        let bytes = unsent.as_ref().map_or(0, |unsent| unsent.len());
        self.put_back(unsent);
        bytes
    }

    /// Whether no byte waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        let unsent = self.unsent.take();
        let empty = unsent.is_none();
        self.put_back(unsent);
        empty
    }

    #[inline]
    fn put_back(&self, unsent: Option<Box<Unsent>>) {
        // The place is known to be empty; `forget` saves the drop check.
        mem::forget(self.unsent.replace(unsent));
    }

    /// Copies bytes to the end of the queue; returns how many wait then.
    #[inline]
    pub fn gather(&self, data: &[u8], pool: &SendPool) -> usize {
        self.extend(pool, |unsent| unsent.gather(data))
    }

    /// Puts chunks at the end of the queue as they are; returns how many bytes wait then.
    pub fn push_all(&self, chunks: Vec<Chunk>, pool: &SendPool) -> usize {
        self.extend(pool, |unsent| chunks.into_iter().for_each(|chunk| unsent.push(chunk)))
    }

    #[inline(always)]
    fn extend(&self, pool: &SendPool, add: impl FnOnce(&mut Unsent)) -> usize {
        let mut unsent = self.unsent.take().unwrap_or_else(|| pool.lend());
        add(&mut unsent);
        self.give_back(unsent, pool)
    }

    /// Takes the bytes out, to be sent and then [given back](Self::give_back); `None` if no byte waits.
    #[inline]
    pub fn take(&self) -> Option<Box<Unsent>> {
        self.unsent.take()
    }

    /// Keeps the rest of what was taken, and returns how many bytes that is; the pool gets the storage
    /// when nothing is left. Nothing may be queued between [`take`](Self::take) and this.
    #[inline]
    pub fn give_back(&self, mut unsent: Box<Unsent>, pool: &SendPool) -> usize {
        let bytes = unsent.len();
        pool.count(&mut unsent, bytes);
        if bytes == 0 {
            pool.give_back(unsent);
        } else {
            self.unsent.set(Some(unsent));
        }
        bytes
    }

    /// Drops everything that waits.
    pub fn clear(&self, pool: &SendPool) {
        if let Some(mut unsent) = self.unsent.take() {
            unsent.clear();
            pool.count(&mut unsent, 0);
            pool.give_back(unsent);
        }
    }
}

impl Unsent {
    /// How many bytes wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.head.len() + self.rest_bytes - self.sent
    }

    /// Whether everything is sent.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn gather(&mut self, data: &[u8]) {
        if self.rest_bytes == 0 && self.head.len() < GATHERED_BYTES_MAX {
            self.head.extend_from_slice(data);
        } else {
            self.gather_behind(data);
        }
    }

    #[cold]
    fn gather_behind(&mut self, data: &[u8]) {
        self.rest_bytes += data.len();
        match self.rest.back_mut() {
            Some(Part::Gathered(last)) if last.len() < GATHERED_BYTES_MAX => {
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

    /// All unsent bytes, if they are one piece: the usual case, in which no vectored write is needed.
    #[inline]
    pub fn sole_piece(&self) -> Option<&[u8]> {
        if self.rest_bytes == 0 { self.head.get(self.sent..) } else { None }
    }

    /// The unsent bytes, piece by piece: as many as one vectored write takes are its buffers.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let head = (!self.head.is_empty()).then_some(&*self.head);
        let parts = head.into_iter().chain(self.rest.iter().map(Part::bytes));
        let mut skip = self.sent;
        parts.map(move |part| &part[mem::take(&mut skip)..])
    }

    /// Notes that the first `sent` bytes have left.
    #[inline]
    pub fn advance(&mut self, sent: usize) {
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

impl SendPool {
    /// A pool without storage.
    pub const fn new() -> Self {
        Self { spare: Cell::new(None), others: RefCell::new(Vec::new()), waiting: Cell::new(0) }
    }

    /// How many bytes wait in all queues that share this pool. A queue that is dropped without having been
    /// [cleared](SendQueue::clear) stays counted.
    #[inline]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.get()
    }

    /// Counts `bytes` for what is unsent, in the place of what was counted before.
    #[inline]
    fn count(&self, unsent: &mut Unsent, bytes: usize) {
        let others = self.waiting.get().wrapping_sub(unsent.counted);
        self.waiting.set(others.wrapping_add(bytes));
        unsent.counted = bytes;
    }

    #[inline]
    fn lend(&self) -> Box<Unsent> {
        self.spare.take().unwrap_or_else(|| self.lend_another())
    }

    #[cold]
    fn lend_another(&self) -> Box<Unsent> {
        self.others.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes empty storage back.
    #[inline]
    fn give_back(&self, unsent: Box<Unsent>) {
        if unsent.head.capacity() <= POOLED_BYTES_MAX
            && unsent.rest.capacity() <= POOLED_PARTS_MAX
            && let Some(other) = self.spare.replace(Some(unsent))
        {
            self.give_back_another(other);
        }
    }

    #[cold]
    fn give_back_another(&self, unsent: Box<Unsent>) {
        let mut others = self.others.borrow_mut();
        if others.len() < POOLED_BUFFERS_MAX {
            others.push(unsent);
        }
    }
}

impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendQueue({} bytes)", self.len())
    }
}

impl fmt::Debug for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsent({} bytes)", self.len())
    }
}

impl fmt::Debug for SendPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendPool")
            .field("idle", &self.others.borrow().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
