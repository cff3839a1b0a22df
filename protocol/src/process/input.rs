//! The input of a program, made in pieces as the program takes them.
//!
//! Invariant: a piece is no longer than [`PIECE_BYTES`], and the next one is made when it has left.

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;

use interfaces::{ProcessTransport, Producer, PullProducer};

/// The bytes that a pipe holds (pipe(7)).
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// The producer of a program's standard input.
struct Input {
    transport: Weak<dyn ProcessTransport>,
    bytes: Vec<u8>,
    written: Cell<usize>,
}

/// Writes the whole input and closes behind it. A program that closes its standard input before takes the
/// rest no more.
pub(super) fn write_input(transport: &Rc<dyn ProcessTransport>, bytes: Vec<u8>) {
    if !bytes.is_empty() {
        let input = Input { transport: Rc::downgrade(transport), bytes, written: Cell::new(0) };
        // The process has just begun, so no other producer is registered.
        let _ = transport.register_producer(Producer::Pull(Rc::new(input)));
    }
    transport.close_stdin();
}

impl PullProducer for Input {
    fn resume_producing(&self) {
        let Some(transport) = self.transport.upgrade() else { return };
        let rest = &self.bytes[self.written.get()..];
        let piece = &rest[..rest.len().min(PIECE_BYTES)];
        self.written.set(self.written.get() + piece.len());
        transport.write(piece);
        if piece.len() == rest.len() {
            transport.unregister_producer();
        }
    }

    fn stop_producing(&self) {}
}
