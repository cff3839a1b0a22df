//! The bytes on their way in one direction: what a kernel's socket buffers are to real transports.
//!
//! Invariant: it never holds more than its capacity, and what was put in before the end is read
//! before the end.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

/// One direction of a connection, shared by its two sides.
pub(super) struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
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
    Bytes(Vec<u8>),
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
    pub(super) fn fill_from(&self, source: &mut VecDeque<u8>) -> usize {
        let mut bytes = self.bytes.borrow_mut();
        let count = source.len().min(self.capacity.saturating_sub(bytes.len()));
        bytes.extend(source.drain(..count));
        count
    }

    /// Takes at most `bytes_max` bytes out, or tells what comes behind the last one.
    pub(super) fn read(&self, bytes_max: usize) -> Next {
        let mut bytes = self.bytes.borrow_mut();
        let count = bytes.len().min(bytes_max);
        match self.tail.get() {
            _ if count > 0 => Next::Bytes(bytes.drain(..count).collect()),
            Tail::Open => Next::Nothing,
            Tail::Eof => Next::Eof,
            Tail::Reset => Next::Reset,
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
