//! [`Upstream`]: the node that another node waits for, so that a cancellation goes there.
//!
//! Invariant: reading it leaves it as it was.

use alloc::rc::Rc;
use core::cell::Cell;
use core::mem;

use super::node::Node;

/// The node that another node waits for, or none.
#[derive(Default)]
pub(crate) struct Upstream(Cell<Option<Rc<dyn Node>>>);

impl Upstream {
    #[inline]
    pub(crate) fn new(node: Option<Rc<dyn Node>>) -> Self {
        Upstream(Cell::new(node))
    }

    #[inline]
    pub(crate) fn set(&self, node: Option<Rc<dyn Node>>) {
        self.0.set(node);
    }

    /// Sets it for the first time.
    #[inline]
    pub(crate) fn start(&self, node: Rc<dyn Node>) {
        // Known empty; `forget` saves the drop check.
        mem::forget(self.0.replace(Some(node)));
    }

    #[inline]
    pub(crate) fn clear(&self) {
        drop(self.0.take());
    }

    /// Where a cancellation goes.
    #[inline]
    pub(crate) fn get(&self) -> Option<Rc<dyn Node>> {
        let node = self.0.take();
        self.0.set(node.clone());
        node
    }

    pub(crate) fn is_some(&self) -> bool {
        let node = self.0.take();
        let is_some = node.is_some();
        self.0.set(node);
        is_some
    }
}
