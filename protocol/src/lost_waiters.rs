//! Those who wait to hear that a connection is lost; Twisted's protocols keep such a list by hand.
//!
//! Invariant: each waiter is told once, or not at all when the protocol is dropped before; a waiter that
//! has left is not told.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;

use interfaces::Reason;

/// A waiter. It is told after the protocol's `connection_lost` has returned, with nothing borrowed.
pub(crate) trait LostWaiter {
    fn connection_lost(&self, reason: &Reason);
}

/// The waiters of one protocol, in the order in which they came.
#[derive(Default)]
pub(crate) struct LostWaiters {
    waiters: BTreeMap<u64, Rc<dyn LostWaiter>>,
    next: u64,
}

impl LostWaiters {
    /// Adds one; returns the number by which it leaves.
    pub(crate) fn add(&mut self, waiter: Rc<dyn LostWaiter>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiters.insert(number, waiter);
        number
    }

    /// Takes one out, for the caller to drop with nothing borrowed.
    pub(crate) fn remove(&mut self, number: u64) -> Option<Rc<dyn LostWaiter>> {
        self.waiters.remove(&number)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Runs `before`, then tells all, the first one first. A panic keeps no waiter from hearing of it.
    pub(crate) fn tell_after(self, before: impl FnOnce(), reason: &Reason) {
        let mut telling = Telling { waiters: self.waiters, reason };
        before();
        telling.run();
    }
}

/// The waiters that are not told yet. The drop goes on after a panic.
struct Telling<'a> {
    waiters: BTreeMap<u64, Rc<dyn LostWaiter>>,
    reason: &'a Reason,
}

impl Telling<'_> {
    fn run(&mut self) {
        while let Some((_, waiter)) = self.waiters.pop_first() {
            waiter.connection_lost(self.reason);
        }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.run();
    }
}
