//! [`WaitQueue`]: those who wait for a token or an item, first come, first served; Twisted's `waiting`.
//!
//! Each has a ticket, and the canceller of its Deferred knows it, so cancelling one of many finds it
//! without a search and leaves nothing behind.
//!
//! Who drops the Deferred without a callback is in line for nothing, and is found out later: at the
//! latest when half of the line may be such.
//!
//! Invariant: a promise in line is unfired and not cancelled.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use crate::deferred::{Deferred, Promise};

/// A line shorter than this is not worth a look at each in it.
const SWEPT_LEN_MIN: usize = 16;

/// Those who wait for a `T`.
pub(crate) struct WaitQueue<T: 'static> {
    last_ticket: Cell<u64>,
    /// How long the line may become before it is swept.
    len_max: Cell<usize>,
    waiting: RefCell<BTreeMap<u64, Promise<T>>>,
}

impl<T: 'static> WaitQueue<T> {
    pub(crate) fn new() -> Rc<Self> {
        let (last_ticket, len_max) = (Cell::new(0), Cell::new(SWEPT_LEN_MIN));
        Rc::new(WaitQueue { last_ticket, len_max, waiting: RefCell::default() })
    }

    /// Joins at the end; to cancel the Deferred is to leave.
    pub(crate) fn join(self: &Rc<Self>) -> Deferred<T> {
        if self.len() >= self.len_max.get() {
            self.sweep();
        }
        let ticket = self.last_ticket.get() + 1;
        self.last_ticket.set(ticket);
        let line = Rc::downgrade(self);
        let (deferred, promise) = Deferred::with_canceller(move || {
            drop(line.upgrade().and_then(|line| line.leave(ticket)));
            None
        });
        self.waiting.borrow_mut().insert(ticket, promise);
        deferred
    }

    /// Takes out the first. Who dropped the Deferred, and had added no callback to it, is passed
    /// over: nobody would see what it fires with.
    pub(crate) fn next(&self) -> Option<Promise<T>> {
        loop {
            let (_, promise) = self.waiting.borrow_mut().pop_first()?;
            if promise.is_heard() {
                return Some(promise);
            }
        }
    }

    /// Takes out those who would be passed over, which takes a look at each.
    pub(crate) fn sweep(&self) {
        // A promise that nobody hears has no callback that its drop could run.
        self.waiting.borrow_mut().retain(|_, promise| promise.is_heard());
        self.len_max.set(SWEPT_LEN_MIN.max(2 * self.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    fn leave(&self, ticket: u64) -> Option<Promise<T>> {
        self.waiting.borrow_mut().remove(&ticket)
    }
}
