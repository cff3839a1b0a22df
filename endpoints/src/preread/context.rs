//! What the connections of one port share while their first bytes are read.
//!
//! Invariant: a connection is pending from its accept until its protocol is built or it ends.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::task::Waker;

use interfaces::{Address, ReactorTime};

use super::Preread;

/// Is told of the connections that are refused: the peer, and why.
pub(crate) type RefusalObserver<R> = Rc<dyn Fn(&Address, R)>;

/// Shared by the connections of one factory.
pub(crate) struct PrereadContext<P: Preread> {
    pub(super) clock: Rc<dyn ReactorTime>,
    pub(crate) options: P::Options,
    pub(super) observer: RefusalObserver<P::Refusal>,
    pending: Rc<PendingCount>,
}

impl<P: Preread> PrereadContext<P> {
    pub(crate) fn new(
        clock: Rc<dyn ReactorTime>,
        options: P::Options,
        observer: RefusalObserver<P::Refusal>,
    ) -> Self {
        Self { clock, options, observer, pending: Rc::default() }
    }

    /// The connections without a protocol.
    pub(super) fn pending(&self) -> usize {
        self.pending.count.get()
    }

    /// The port waits; the waker is woken when a pending connection ends.
    pub(super) fn wait(&self, waker: &Waker) {
        let before = self.pending.waiting.replace(Some(waker.clone()));
        drop(before);
    }

    /// Counts a connection until the value is dropped.
    pub(super) fn begin(&self) -> Pending {
        self.pending.count.set(self.pending.count.get() + 1);
        Pending { of: self.pending.clone() }
    }
}

#[derive(Default)]
struct PendingCount {
    count: Cell<usize>,
    /// The port that waits for a place.
    waiting: RefCell<Option<Waker>>,
}

/// One pending connection.
pub(super) struct Pending {
    of: Rc<PendingCount>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.of.count.set(self.of.count.get().saturating_sub(1));
        let waiting = self.of.waiting.take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl<P: Preread> fmt::Debug for PrereadContext<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrereadContext")
            .field("options", &self.options)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}
