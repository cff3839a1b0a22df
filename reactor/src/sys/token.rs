//! [`Token`]: the name by which the system reports about a tenant.
//!
//! Invariant: the reserved tokens have indices that no slot has.

/// The name of a slot and its tenant: the slot's number, and a generation that no earlier tenant had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub usize);

impl Token {
    /// The waker was woken.
    pub const WAKER: Self = Self(usize::MAX);
    /// A signal came.
    pub const SIGNALS: Self = Self(usize::MAX - 1);
    /// The token of no slot.
    pub(crate) const NOBODY: Self = Self(usize::MAX - 2);

    const INDEX_BITS: u32 = usize::BITS / 2;
    const INDEX_MASK: usize = (1 << Self::INDEX_BITS) - 1;

    pub(crate) fn new(index: usize, generation: usize) -> Self {
        debug_assert!(index < Self::INDEX_MASK - 2, "the tokens above use the last indices");
        Self(index | (generation << Self::INDEX_BITS))
    }

    pub(crate) fn index(self) -> usize {
        self.0 & Self::INDEX_MASK
    }

    /// Counts the tenants of a reactor.
    pub(crate) fn generation(self) -> usize {
        self.0 >> Self::INDEX_BITS
    }
}
