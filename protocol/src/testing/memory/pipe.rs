//! The bytes on their way in one direction: what a kernel's socket buffers are to real transports.
//!
//! Invariant: it never holds more than its capacity, and what was put in before the end is read
//! before the end.

use core::cell::{Cell, RefCell};

use super::byte_queue::ByteQueue;
use crate::transport::Unsent;

/// One direction of a connection, shared by its two sides.
pub(super) struct Pipe {
    bytes: RefCell<ByteQueue>,
    capacity: usize,
    tail: Cell<Tail>,
    reader: Cell<Reader>,
}

/// The end behind the last byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// More bytes may come.
    Open,
    /// The writer closed.
    Eof,
    /// The writer is gone, and did not close cleanly.
    Reset,
}

/// Whether the reading side is still there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Alive,
    Gone,
}

/// The next thing to read.
pub(super) enum ReadNext {
    Nothing,
    Bytes(ByteQueue),
    Eof,
    Reset,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            bytes: RefCell::default(),
            capacity,
            tail: Cell::new(Tail::Open),
            reader: Cell::new(Reader::Alive),
        }
    }

    /// Copies as many bytes as there is room for; returns how many.
    #[inline]
    pub(super) fn fill_from(&self, unsent: &Unsent) -> usize {
        let mut bytes = self.bytes.borrow_mut();
        let mut room = self.capacity.saturating_sub(bytes.len());
        let mut copy = |piece: &[u8]| {
            let count = piece.len().min(room);
            bytes.push(&piece[..count]);
            room -= count;
            count
        };
        match unsent.sole_piece() {
            Some(piece) => copy(piece),
            None => unsent.pieces().map(copy).sum(),
        }
    }

    /// Takes at most `bytes_max` bytes out, or tells what comes behind the last one.
    pub(super) fn read(&self, bytes_max: usize) -> ReadNext {
        let mut bytes = self.bytes.borrow_mut();
        match self.tail.get() {
            _ if !bytes.is_empty() => ReadNext::Bytes(bytes.take(bytes_max)),
            Tail::Open => ReadNext::Nothing,
            Tail::Eof => ReadNext::Eof,
            Tail::Reset => ReadNext::Reset,
        }
    }

    /// Takes the storage of bytes that were read, so that the next ones need none of their own.
    pub(super) fn reuse(&self, read: ByteQueue) {
        if self.reader.get() == Reader::Alive {
            self.bytes.borrow_mut().reuse(read);
        }
    }

    /// Sets what comes behind the last byte: a reset also behind an end of file.
    pub(super) fn close(&self, tail: Tail) {
        self.tail.set(tail);
    }

    /// Whether bytes wait for the reader.
    pub(super) fn has_bytes(&self) -> bool {
        !self.bytes.borrow().is_empty()
    }

    pub(super) fn tail(&self) -> Tail {
        self.tail.get()
    }

    pub(super) fn reader(&self) -> Reader {
        self.reader.get()
    }

    /// The reader goes, and leaves what it did not read.
    pub(super) fn abandon(&self) {
        self.reader.set(Reader::Gone);
        self.bytes.take();
    }
}
