//! [`WaitQueue`]: waiters for a token or an item, first come, first served; Twisted's `waiting`.
//!
//! Each waiter has a ticket, and the canceller of its Deferred owns it, so a cancellation finds one
//! of many without a search and leaves nothing behind.
//!
//! A Deferred that is dropped without a callback leaves a waiter that is not heard. Such waiters are
//! removed later: at the latest when they may be half of the queue.
//!
//! Invariant: a waiter in the queue has no result and is not cancelled.

use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};

use crate::deferred::Promise;

/// A shorter queue is not swept.
const SWEPT_LEN_MIN: usize = 16;

/// What waits in a queue: the half that fires a Deferred.
pub(crate) trait Waiter {
    /// Whether the result would reach a reader: the Deferred is held, or it has a callback.
    fn is_heard(&self) -> bool;
}

impl<T: 'static> Waiter for Promise<T> {
    fn is_heard(&self) -> bool {
        Promise::is_heard(self)
    }
}

/// Waiters in the order in which they came.
pub(crate) struct WaitQueue<W> {
    last_ticket: Cell<u64>,
    /// The length at which it is swept.
    len_max: Cell<usize>,
    waiting: RefCell<BTreeMap<u64, W>>,
}

/// The place of one waiter.
pub(crate) struct Ticket<W> {
    queue: Weak<WaitQueue<W>>,
    number: u64,
}

impl<W> Ticket<W> {
    /// Takes the waiter out, if it still waits.
    pub(crate) fn leave(&self) -> Option<W> {
        let queue = self.queue.upgrade()?;
        queue.waiting.borrow_mut().remove(&self.number)
    }
}

impl<W: Waiter> WaitQueue<W> {
    pub(crate) fn new() -> Rc<Self> {
        let (last_ticket, len_max) = (Cell::new(0), Cell::new(SWEPT_LEN_MIN));
        Rc::new(WaitQueue { last_ticket, len_max, waiting: RefCell::default() })
    }

    /// Adds the waiter that `make` makes with its ticket; returns what else `make` has made.
    pub(crate) fn join<R>(self: &Rc<Self>, make: impl FnOnce(Ticket<W>) -> (R, W)) -> R {
        if self.len() >= self.len_max.get() {
            self.sweep();
        }
        let number = self.last_ticket.get() + 1;
        self.last_ticket.set(number);
        let (made, waiter) = make(Ticket { queue: Rc::downgrade(self), number });
        self.waiting.borrow_mut().insert(number, waiter);
        made
    }

    /// Takes out the first waiter that is heard, and drops those before it.
    pub(crate) fn next(&self) -> Option<W> {
        loop {
            let first = self.waiting.borrow_mut().pop_first();
            let (_, waiter) = first?;
            if waiter.is_heard() {
                return Some(waiter);
            }
        }
    }

    /// Removes the waiters that are not heard, which takes a look at each.
    pub(crate) fn sweep(&self) {
        // A waiter that is not heard has no callback that its drop could run.
        self.waiting.borrow_mut().retain(|_, waiter| waiter.is_heard());
        self.len_max.set(SWEPT_LEN_MIN.max(2 * self.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }
}
