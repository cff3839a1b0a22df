//! [`Awaits`]: the Deferreds that a task awaits; Twisted's `_CancellationStatus.waitingOn`, of which
//! there may be several here.
//!
//! Invariant: every Deferred whose result wakes the task is among them. There may be others that it
//! awaits no more, so a user of one asks the node itself.

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::task::Waker;

use crate::chain::node::Node;

/// The nodes of the Deferreds that a task awaits.
#[derive(Default)]
pub(crate) struct Awaits {
    /// Most tasks await one at a time.
    first: Cell<Option<Weak<dyn Node>>>,
    others: RefCell<Vec<Weak<dyn Node>>>,
}

impl Awaits {
    /// The task of this waker awaits that node, too, from now on.
    pub(crate) fn add(&self, node: Weak<dyn Node>, waker: &Waker) {
        let Some(first) = self.first.take() else {
            return self.first.set(Some(node));
        };
        let mut others = self.others.borrow_mut();
        while others.last().is_some_and(|last| !is_awaited(last, waker)) {
            others.pop();
        }
        if !is_awaited(&first, waker) {
            return self.first.set(Some(node));
        }
        self.first.set(Some(first));
        if others.len() == others.capacity() {
            others.retain(|other| is_awaited(other, waker));
            // As much room again, so that this happens once in as many additions.
            let room = others.len().max(4);
            others.reserve(room);
        }
        others.push(node);
    }

    /// All of them.
    pub(crate) fn nodes(&self) -> (Option<Weak<dyn Node>>, Vec<Weak<dyn Node>>) {
        let first = self.first.take();
        self.first.set(first.clone());
        (first, self.others.borrow().clone())
    }
}

/// Asking runs no foreign code: a node that can be reached here has another owner.
fn is_awaited(node: &Weak<dyn Node>, waker: &Waker) -> bool {
    node.upgrade().is_some_and(|node: Rc<dyn Node>| node.is_awaited_by(waker))
}
