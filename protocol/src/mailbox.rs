//! What came for a protocol while it was running; Twisted has none, there the call is simply made.
//!
//! Invariant: letters are read in the order in which they were posted, and an empty mailbox owns no
//! memory.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use interfaces::{Event, Protocol, Reason, Transport};

/// The letters of one protocol. Each method puts the storage back before it returns, so nothing is
/// borrowed while a letter is read or dropped.
///
/// It has no bound of its own: what is posted, the protocol's own running call has caused.
pub(crate) struct Mailbox<P: Protocol> {
    letters: Cell<Option<Box<Letters<P>>>>,
}

/// Boxed as a whole, so that an empty mailbox is one word.
pub(crate) struct Letters<P>(VecDeque<Letter<P>>);

impl<P: Protocol> Mailbox<P> {
    pub(crate) fn new() -> Self {
        Self { letters: Cell::new(None) }
    }

    pub(crate) fn post(&self, letter: Letter<P>) {
        let mut letters = self.letters.take().unwrap_or_else(|| Box::new(Letters(VecDeque::new())));
        letters.0.push_back(letter);
        self.letters.set(Some(letters));
    }

    pub(crate) fn next(&self) -> Option<Letter<P>> {
        let mut letters = self.letters.take()?;
        let letter = letters.0.pop_front();
        if !letters.0.is_empty() {
            self.letters.set(Some(letters));
        }
        letter
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let letters = self.letters.take();
        let empty = letters.is_none();
        self.letters.set(letters);
        empty
    }

    /// Gives all letters up. Their closures are foreign: the caller drops them with nothing held.
    pub(crate) fn take_all(&self) -> Option<Box<Letters<P>>> {
        self.letters.take()
    }
}

/// An [`Event`] that owns what it brings, or a call.
pub(crate) enum Letter<P> {
    ConnectionMade(Rc<dyn Transport>),
    DataReceived(Vec<u8>),
    ReadConnectionLost,
    WriteConnectionLost,
    HandshakeCompleted,
    ConnectionLost(Reason),
    Call(Box<dyn FnOnce(&mut P)>),
    CallWith(Box<dyn FnOnce(&mut P, &Rc<dyn Transport>)>),
}

impl<P> Letter<P> {
    /// Copies what the event borrows; `None` for an event that this crate does not know.
    pub(crate) fn of(event: Event<'_>) -> Option<Self> {
        Some(match event {
            Event::ConnectionMade(transport) => Self::ConnectionMade(transport.clone()),
            Event::DataReceived(data) => Self::DataReceived(data.to_vec()),
            Event::ReadConnectionLost => Self::ReadConnectionLost,
            Event::WriteConnectionLost => Self::WriteConnectionLost,
            Event::HandshakeCompleted => Self::HandshakeCompleted,
            Event::ConnectionLost(reason) => Self::ConnectionLost(reason.clone()),
            _ => return None,
        })
    }
}
