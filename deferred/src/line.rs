//! [`Line`]: those who wait for a token or an item, first come, first served; Twisted's `waiting`.
//!
//! Each has a ticket, and the canceller of its Deferred knows it, so cancelling one of many finds it
//! without a search and leaves nothing behind.
//!
//! Invariant: a promise in line is unfired and not cancelled.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::mem;

use crate::{Deferred, Promise};

/// Those who wait for a `T`.
pub(crate) struct Line<T: 'static> {
    last_ticket: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Promise<T>>>,
}

impl<T: 'static> Line<T> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Line { last_ticket: Cell::new(0), waiting: RefCell::default() })
    }

    /// Joins at the end; to cancel the Deferred is to leave.
    pub(crate) fn join(self: &Rc<Self>) -> Deferred<T> {
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
            if let Some(promise) = heard(promise) {
                return Some(promise);
            }
        }
    }

    /// Takes out those who would be passed over, which takes a look at each.
    pub(crate) fn sweep(&self) {
        let waiting = mem::take(&mut *self.waiting.borrow_mut());
        let waiting = waiting.into_iter();
        let heard = waiting.filter_map(|(ticket, promise)| Some((ticket, heard(promise)?)));
        let heard = heard.collect();
        *self.waiting.borrow_mut() = heard;
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

/// The same promise, if somebody holds its Deferred or has added a callback.
fn heard<T: 'static>(promise: Promise<T>) -> Option<Promise<T>> {
    let source = promise.into_source()?;
    let heard = Rc::strong_count(&source) > 1 || source.slot().has_reader();
    heard.then(|| Promise::new(source))
}
