//! The lists of work for later in this turn, or for the next.
//!
//! Invariant: a list is taken whole before it is worked off, so that work which adds to it is done
//! in its next phase.

use std::cell::{Cell, RefCell};
use std::mem;

use interfaces::Reason;

use super::Core;
use crate::sys::{StreamSys, Token};

/// The lists of one reactor.
#[derive(Default)]
pub(crate) struct Agenda {
    /// Tenants that may still be ready, though the system will not report them again.
    pub(crate) still_ready: RefCell<Vec<Token>>,
    /// Streams whose end is decided, and why.
    pub(crate) closings: RefCell<Vec<(Token, Reason)>>,
    /// The turn has taken closings, and has not come to them yet.
    pub(crate) is_closing: Cell<bool>,
    /// Tenants that go on after the closings: empty, unless closings are listed or were taken.
    pub(crate) after_closings: RefCell<Vec<Token>>,
    /// How many of them were there when the turn took its closings.
    pub(crate) waited_before: Cell<usize>,
}

impl<S: StreamSys> Core<S> {
    /// Lists a tenant that may still be ready, for the next turn.
    pub(crate) fn list_still_ready(&self, token: Token) {
        self.agenda.still_ready.borrow_mut().push(token);
    }

    /// Lists the datagram port whose protocol runs, if one does, so that a turn which the protocol makes
    /// itself sends what it has gathered.
    #[cold]
    pub(crate) fn list_gathering(&self) {
        let gathering = self.datagrams.gathering.get();
        if gathering != Token::NOBODY {
            self.list_still_ready(gathering);
        }
    }

    /// Whether the end of a stream was decided and is still to come.
    pub(crate) fn has_closings(&self) -> bool {
        self.agenda.is_closing.get() || !self.agenda.closings.borrow().is_empty()
    }

    /// The turn has taken closings.
    #[inline(never)]
    pub(crate) fn begin_closings(&self) {
        self.agenda.is_closing.set(true);
        let waited_before = self.agenda.after_closings.borrow().len();
        self.agenda.waited_before.set(waited_before);
    }

    /// The turn has carried its closings out; returns the tenants that waited for no others.
    pub(crate) fn end_closings(&self) -> Vec<Token> {
        self.agenda.is_closing.set(false);
        let mut waiting = self.agenda.after_closings.borrow_mut();
        let all = waiting.len();
        let over = if self.has_closings() { self.agenda.waited_before.get() } else { all };
        waiting.drain(..over.min(all)).collect()
    }

    /// Has the tenants that wait go on without the closings.
    #[inline(never)]
    pub(crate) fn give_up_closings(&self) {
        self.agenda.is_closing.set(false);
        self.agenda.still_ready.borrow_mut().extend(self.agenda.after_closings.take());
    }

    /// Calls a tenant's [`closed`](crate::core::tenant::Tenant::closed) when all ends that were decided
    /// until now have come.
    pub(crate) fn call_after_closings(&self, token: Token) {
        self.agenda.after_closings.borrow_mut().push(token);
    }
}

/// Takes what is on a list now. An empty list keeps its storage.
#[inline]
pub(crate) fn take_all<T>(list: &RefCell<Vec<T>>) -> Vec<T> {
    let mut list = list.borrow_mut();
    if list.is_empty() { Vec::new() } else { mem::take(&mut *list) }
}

/// Gives a list its storage back, so that a steady state allocates nothing.
#[inline]
pub(crate) fn reuse<T>(list: &RefCell<Vec<T>>, mut spare: Vec<T>) {
    if spare.capacity() == 0 {
        return;
    }
    spare.clear();
    let mut list = list.borrow_mut();
    if list.is_empty() {
        *list = spare;
    }
}
