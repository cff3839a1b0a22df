//! The bytes on their way in one direction: what a kernel's socket buffers are to real transports.
//!
//! Invariant: it never holds more than its capacity, and what was put in before the end is read
//! before the end.

use core::cell::{Cell, RefCell};

use super::byte_queue::ByteQueue;

/// One direction of a connection, shared by its two sides.
pub(super) struct Pipe {
    bytes: RefCell<ByteQueue>,
    capacity: usize,
    tail: Cell<Tail>,
    reader: Cell<Reader>,
}

/// What comes behind the last byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// More bytes may come.
    Open,
    /// The writer closed.
    Eof,
    /// The writer is gone, and did not close cleanly.
    Reset,
}

/// Whether anybody may still read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Alive,
    Gone,
}

/// What is next to read.
pub(super) enum Next {
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

    /// Moves as many bytes as there is room for; says how many.
    pub(super) fn fill_from(&self, source: &mut ByteQueue) -> usize {
        let mut bytes = self.bytes.borrow_mut();
        let count = source.len().min(self.capacity.saturating_sub(bytes.len()));
        source.move_to(&mut bytes, count);
        count
    }

    /// Takes at most `bytes_max` bytes out, or tells what comes behind the last one.
    pub(super) fn read(&self, bytes_max: usize) -> Next {
        let mut bytes = self.bytes.borrow_mut();
        match self.tail.get() {
            _ if !bytes.is_empty() => Next::Bytes(bytes.take(bytes_max)),
            Tail::Open => Next::Nothing,
            Tail::Eof => Next::Eof,
            Tail::Reset => Next::Reset,
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
