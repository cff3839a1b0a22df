//! Numbers that a stranger cannot predict: for the shares of services, and for the numbers of questions.
//!
//! Invariant: no two numbers come from one count.

use core::cell::Cell;
use core::hash::BuildHasher as _;
use std::hash::RandomState;

/// The standard library's keyed hash, whose key the system draws, over a count.
#[derive(Debug, Default)]
pub(super) struct Random {
    key: RandomState,
    count: Cell<u64>,
}

impl Random {
    pub(super) fn next(&self) -> u64 {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        self.key.hash_one(count)
    }

    /// A number from 0 to `limit`.
    pub(super) fn up_to(&self, limit: u32) -> u32 {
        (self.next() % (u64::from(limit) + 1)) as u32
    }
}
