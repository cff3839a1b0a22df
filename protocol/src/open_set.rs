//! The things of one factory that are open; Twisted's `WrappingFactory.protocols`.
//!
//! Invariant: the set owns nothing, and none of its members is called with it borrowed.

use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

/// Members by their numbers.
pub(crate) struct OpenSet<T> {
    members: RefCell<BTreeMap<u64, Weak<T>>>,
    next: Cell<u64>,
}

impl<T> OpenSet<T> {
    /// Adds one; returns its number.
    pub(crate) fn add(&self, member: &Weak<T>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.members.borrow_mut().insert(number, member.clone());
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        let removed = self.members.borrow_mut().remove(&number);
        drop(removed);
    }

    /// Those that are open now.
    pub(crate) fn all(&self) -> Vec<Rc<T>> {
        self.members.borrow().values().filter_map(Weak::upgrade).collect()
    }
}

impl<T> Default for OpenSet<T> {
    fn default() -> Self {
        Self { members: RefCell::default(), next: Cell::new(0) }
    }
}
