//! [`Getter`]: the node of a `get`, and [`Place`], its place in the queue while it waits.
//!
//! ```text
//!             Place::give()                 a callback or a task takes it
//!   waiting ────────────────▶ has its item ───────────────────────────────▶ done
//!      │                           └── dropped unseen ──▶ the item goes back to the queue
//!      └── cancelled, or the queue is dropped ──▶ Cancelled
//! ```
//!
//! A `get` that finds an item has a getter, too. It costs an allocation, where a fired Deferred costs
//! none, but a third kind of Deferred that knows the way back made every other one dearer: 25 % on a
//! chain that has fired, 8 % on a pending one.
//!
//! Invariant: an item in the cell is taken by a reader or goes back; it is dropped in here only if the
//! queue is gone.

use alloc::rc::{Rc, Weak};
use core::cell::Cell;
use core::mem;
use core::task::Waker;

use super::wait_queue::{Ticket, Waiter};
use crate::chain::node::{self, Node, OnUnwind, OutputNode, State};
use crate::chain::result_cell::{self, ResultCell};
use crate::error::{Cancelled, Failure, Firing};
use crate::report::unhandled;

/// The owner of items that it lends to getters.
pub(crate) trait Lender<T> {
    /// An item comes back unseen. `number` is the number that it was lent with.
    fn take_back(self: Rc<Self>, item: T, number: u64);
}

/// The node of a `get`.
pub(crate) struct Getter<T: 'static> {
    /// Whether it has its result.
    settled: Cell<bool>,
    ticket: Cell<Option<Ticket<Place<T>>>>,
    /// The item's number and its owner, once there is an item.
    lender: Cell<Option<(u64, Weak<dyn Lender<T>>)>>,
    cell: ResultCell<T, Failure>,
}

/// The side of a getter that waits in the queue. Dropping it cancels the getter.
pub(crate) struct Place<T: 'static> {
    getter: Rc<Getter<T>>,
}

impl<T: 'static> Getter<T> {
    /// A getter with its place, for that ticket.
    pub(crate) fn new(ticket: Ticket<Place<T>>) -> (Rc<Self>, Place<T>) {
        let getter = Rc::new(Getter {
            settled: Cell::new(false),
            ticket: Cell::new(Some(ticket)),
            lender: Cell::new(None),
            cell: ResultCell::default(),
        });
        (getter.clone(), Place { getter })
    }

    /// A getter that has its item already.
    pub(crate) fn with_item(item: T, number: u64, lender: Weak<dyn Lender<T>>) -> Rc<Self> {
        let getter = Getter {
            settled: Cell::new(true),
            ticket: Cell::new(None),
            lender: Cell::new(Some((number, lender))),
            cell: ResultCell::default(),
        };
        getter.cell.put(Ok(item));
        Rc::new(getter)
    }

    /// Ends without an item, if there is none yet.
    fn end(self: Rc<Self>) {
        if self.settled.replace(true) {
            return;
        }
        let place = self.ticket.take().and_then(|ticket| ticket.leave());
        drop(place);
        self.cell.put(Err(Cancelled.into()));
        node::advance(Some(self));
    }
}

impl<T: 'static> Place<T> {
    /// Fires the getter with an item, which goes back to the lender if the getter is dropped before
    /// the item was seen.
    pub(crate) fn give(self, item: T, number: u64, lender: Weak<dyn Lender<T>>) {
        let getter = self.getter.clone();
        getter.settled.set(true);
        // Before the item is in its cell, so that the getter has no other owner but its reader.
        drop(self);
        getter.ticket.set(None);
        getter.lender.set(Some((number, lender)));
        getter.cell.put(Ok(item));
        node::advance(Some(getter));
    }
}

impl<T: 'static> Waiter for Place<T> {
    fn is_heard(&self) -> bool {
        Rc::strong_count(&self.getter) > 1 || self.getter.cell.has_reader()
    }
}

impl<T: 'static> Drop for Place<T> {
    fn drop(&mut self) {
        if self.getter.settled.get() || !self.is_heard() {
            return;
        }
        let unwinding = OnUnwind(|| self.getter.clone().end());
        unhandled::promise_dropped::<T>(None);
        mem::forget(unwinding);
        self.getter.clone().end();
    }
}

impl<T: 'static> Drop for Getter<T> {
    fn drop(&mut self) {
        if let Some((number, lender)) = self.lender.take()
            && let Some(Ok(item)) = self.cell.take()
            && let Some(lender) = lender.upgrade()
        {
            lender.take_back(item, number);
        }
    }
}

impl<T: 'static> Node for Getter<T> {
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        result_cell::hand_over(self)
    }

    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        self.end();
        None
    }

    fn wait_for(&self, _upstream: Option<Rc<dyn Node>>) {}

    fn is_chained(&self) -> bool {
        false
    }

    fn is_awaited_by(&self, waker: &Waker) -> bool {
        self.cell.is_awaited_by(waker)
    }

    fn record_firing(&self, firing: Firing) {
        self.cell.record_firing(firing);
    }
}

impl<T: 'static> OutputNode<T, Failure> for Getter<T> {
    fn cell(&self) -> &ResultCell<T, Failure> {
        &self.cell
    }

    fn into_state(self: Rc<Self>) -> State<T, Failure> {
        result_cell::into_state(self)
    }

    fn gives_back(&self) -> bool {
        true
    }

    fn drop_rest(&self) {
        drop((self.ticket.take(), self.lender.take()));
    }
}
