//! What the running callback has written, until it returns: one buffer for all connections.
//!
//! Most writes are small, are made by the connection's own protocol and leave at once, so most
//! connections never need a queue of their own. Invariant: only the stream whose protocol runs now
//! has bytes here; it is open and has none in its queue then, and these are sent or queued when the
//! callback returns, or before another callback begins or that stream begins to close.

use std::cell::{Cell, RefCell};

use interfaces::BufferLimits;

use crate::sys::Token;

/// How much one callback may write before a queue takes it.
const ROOM_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct WriteBuffer {
    /// The stream whose protocol runs now.
    owner: Cell<Token>,
    /// Never grows: what does not fit is for the stream's own queue, where the limits are looked at.
    bytes: RefCell<Vec<u8>>,
}

/// The time during which one stream's protocol runs and the buffer is the stream's.
#[must_use]
pub(crate) struct Entered<'a> {
    buffer: &'a WriteBuffer,
    outer: Token,
}

impl WriteBuffer {
    /// Has less room than what would pause a producer or break a limit.
    pub(crate) fn new(limits: BufferLimits) -> Self {
        let room = ROOM_BYTES_MAX.min(limits.high_water).min(limits.cap);
        Self { owner: Cell::new(Token::NOBODY), bytes: RefCell::new(Vec::with_capacity(room)) }
    }

    /// This stream's protocol begins to run; the caller has emptied the buffer of the outer one.
    #[inline(always)]
    pub(crate) fn enter(&self, token: Token) -> Entered<'_> {
        Entered { buffer: self, outer: self.owner.replace(token) }
    }

    /// The stream whose protocol runs now.
    #[inline]
    pub(crate) fn owner(&self) -> Token {
        self.owner.get()
    }

    /// Detaches the buffer, which is empty, and returns its previous owner; or attaches it again.
    pub(crate) fn set_owner(&self, owner: Token) -> Token {
        self.owner.replace(owner)
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

    /// Hands the bytes of this stream to `take`, if there are any, and empties the buffer. `take` runs
    /// no foreign code.
    #[inline]
    pub(crate) fn drain_of(&self, token: Token, take: impl FnOnce(&[u8])) {
        if self.owner.get() == token {
            self.drain(take);
        }
    }

    #[inline(always)]
    fn drain(&self, take: impl FnOnce(&[u8])) {
        let mut bytes = self.bytes.borrow_mut();
        if !bytes.is_empty() {
            take(&bytes);
            bytes.clear();
        }
    }
}

impl Entered<'_> {
    /// The protocol has returned: the buffer is the outer stream's again, and `send` is handed what
    /// was written, if anything was. `send` runs no foreign code.
    #[inline(always)]
    pub(crate) fn finish(self, send: impl FnOnce(&[u8])) {
        self.buffer.owner.set(self.outer);
        self.buffer.drain(send);
    }
}
