//! [`Lent`]: an item that goes back to its lender when it is dropped before it was taken.
//!
//! Invariant: an item leaves once, to the reader or to the lender. It is dropped in here only if the
//! lender is gone.

use alloc::rc::{Rc, Weak};

/// The owner of items that it lends.
pub(crate) trait Lender<T> {
    /// An item comes back unseen. `number` is the number that it was lent with.
    fn take_back(self: Rc<Self>, item: T, number: u64);
}

/// An item, until it is taken.
pub(crate) struct Lent<T: 'static> {
    item: Option<T>,
    number: u64,
    lender: Weak<dyn Lender<T>>,
}

impl<T: 'static> Lent<T> {
    pub(crate) fn new(item: T, number: u64, lender: Weak<dyn Lender<T>>) -> Self {
        Lent { item: Some(item), number, lender }
    }

    /// Takes the item, which does not go back then.
    pub(crate) fn take(mut self) -> T {
        self.item.take().expect("only this method takes the item out")
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.item.as_ref()
    }
}

impl<T: 'static> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(item) = self.item.take()
            && let Some(lender) = self.lender.upgrade()
        {
            lender.take_back(item, self.number);
        }
    }
}
