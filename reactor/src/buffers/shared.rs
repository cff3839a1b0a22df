//! What every stream of a reactor needs at each write, reached without going through the reactor.
//!
//! Invariant: the desk owns no stream and no protocol, so a stream may own the desk; the way up to
//! the core is weak.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use interfaces::BufferLimits;

use crate::buffers::send_queue::Pool;
use crate::buffers::write_buffer::Outbox;
use crate::core::Core;
use crate::sys::{Sys, Token};

/// Shared by a reactor and its streams.
pub(crate) struct Desk<S: Sys> {
    core: Weak<Core<S>>,
    /// What the protocol that runs now has written; its stream is flushed when that returns.
    pub(crate) outbox: Outbox,
    /// Streams that were written to outside of their own callback.
    pub(crate) dirty: RefCell<Vec<Token>>,
    pub(crate) pool: Pool,
    /// How many bytes waited on the stream whose pull producer makes a piece now.
    pub(crate) pulling: Cell<(Token, usize)>,
    /// The limits of a stream that has none of its own.
    pub(crate) limits: BufferLimits,
}

impl<S: Sys> Desk<S> {
    pub(crate) fn new(core: Weak<Core<S>>, limits: BufferLimits) -> Self {
        Self {
            core,
            outbox: Outbox::new(limits),
            dirty: RefCell::default(),
            pool: Pool::default(),
            pulling: Cell::new((Token::NOBODY, 0)),
            limits,
        }
    }

    /// The reactor, if it is still there.
    pub(crate) fn core(&self) -> Option<Rc<Core<S>>> {
        self.core.upgrade()
    }

    /// Has a stream flushed in this turn's flush phase, if not when its callback returns.
    pub(crate) fn note_dirty(&self, token: Token) {
        if self.outbox.owner() != token {
            self.dirty.borrow_mut().push(token);
        }
    }
}
