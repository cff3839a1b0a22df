//! What the running callback has written, until it returns: one buffer for all connections.
//!
//! Most of what is written is small, is written by the connection's own protocol and leaves at once,
//! so most connections never need a queue of their own. Invariant: only the stream whose protocol
//! runs now has bytes here; it is open and has none in its queue then, and these are sent or queued
//! when the callback returns, or before anybody else's begins or that stream begins to close.

use std::cell::{Cell, RefCell};

use interfaces::BufferLimits;

use crate::sys::Token;

/// How much one callback may write before a queue takes it.
const ROOM_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Outbox {
    /// The stream whose protocol runs now.
    owner: Cell<Token>,
    /// Never grows: what does not fit is for the stream's own queue, where the limits are looked at.
    bytes: RefCell<Vec<u8>>,
}

impl Outbox {
    /// Has less room than what would pause a producer or break a limit.
    pub(crate) fn new(limits: BufferLimits) -> Self {
        let room = ROOM_BYTES_MAX.min(limits.high_water).min(limits.cap);
        Self { owner: Cell::new(Token::NOBODY), bytes: RefCell::new(Vec::with_capacity(room)) }
    }

    /// This stream's protocol begins to run; answers whose was running.
    #[inline]
    pub(crate) fn begin(&self, token: Token) -> Token {
        self.owner.replace(token)
    }

    /// It has returned to the one that was running before.
    #[inline]
    pub(crate) fn end(&self, outer: Token) {
        self.owner.set(outer);
    }

    /// Whose protocol runs now.
    pub(crate) fn owner(&self) -> Token {
        self.owner.get()
    }

    /// Takes what the running protocol writes to its own stream; `false` if it is another's, or if
    /// there is no room.
    #[inline]
    pub(crate) fn push(&self, token: Token, data: &[u8]) -> bool {
        if self.owner.get() != token {
            return false;
        }
        let mut bytes = self.bytes.borrow_mut();
        let fits = data.len() <= bytes.capacity() - bytes.len();
        if fits {
            bytes.extend_from_slice(data);
        }
        fits
    }

    /// How many bytes of this stream are here.
    #[inline]
    pub(crate) fn unsent_of(&self, token: Token) -> usize {
        if self.owner.get() == token { self.bytes.borrow().len() } else { 0 }
    }

    /// Empties it: `send` is shown all bytes and answers how many it took, and `keep` gets the
    /// others, if there are any. Neither may run foreign code.
    #[inline(always)]
    pub(crate) fn empty(&self, send: impl FnOnce(&[u8]) -> usize, keep: impl FnOnce(&[u8])) {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.is_empty() {
            return;
        }
        let sent = send(&bytes);
        if sent < bytes.len() {
            keep(&bytes[sent..]);
        }
        bytes.clear();
    }
}
