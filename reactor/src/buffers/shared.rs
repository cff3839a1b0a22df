//! What every stream of a reactor needs at each write, reached without going through the reactor.
//!
//! Invariant: it owns no stream and no protocol, so a stream may own it; the way up to the core is
//! weak.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::BufferLimits;
use protocol::transport::SendPool;

use super::write_buffer::WriteBuffer;
use crate::sys::Token;

/// Shared by a reactor and its streams; `C` is the reactor's core.
pub(crate) struct StreamShared<C> {
    core: Weak<C>,
    /// What the running protocol has written; its stream is flushed when that returns.
    pub(crate) write_buffer: WriteBuffer,
    /// Streams that were written to outside of their own callback.
    pub(crate) dirty: RefCell<Vec<Token>>,
    pub(crate) pool: SendPool,
    /// How many bytes waited on the stream whose pull producer makes a piece now.
    pub(crate) pulling: Cell<(Token, usize)>,
    /// The limits of a stream that has none of its own.
    pub(crate) limits: BufferLimits,
    /// The most bytes that the queues of all streams hold together.
    pub(crate) unsent_bytes_max: usize,
}

impl<C> StreamShared<C> {
    pub(crate) fn new(core: Weak<C>, limits: BufferLimits, unsent_bytes_max: usize) -> Self {
        Self {
            core,
            write_buffer: WriteBuffer::new(limits),
            dirty: RefCell::default(),
            pool: SendPool::new(),
            pulling: Cell::new((Token::NOBODY, 0)),
            limits,
            unsent_bytes_max,
        }
    }

    /// The reactor, if it is still there.
    pub(crate) fn core(&self) -> Option<Rc<C>> {
        self.core.upgrade()
    }

    /// Whether the streams together have too many bytes queued.
    #[inline]
    pub(crate) fn is_over_cap(&self) -> bool {
        self.pool.waiting_bytes() > self.unsent_bytes_max
    }

    /// Has a stream flushed in this turn's flush phase, if not when its callback returns.
    pub(crate) fn note_dirty(&self, token: Token) {
        if self.write_buffer.owner() != token {
            self.dirty.borrow_mut().push(token);
        }
    }
}
