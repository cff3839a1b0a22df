//! Positions of entries, four bytes each, and the keys made of them.
//!
//! Invariant: an entry stays at its position.

use interfaces::delayed_call::TimerKey;

/// The place of an entry among the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position(u32);

impl Position {
    /// No entry is there.
    pub(super) const NOWHERE: Self = Self(u32::MAX);

    const COUNT_MAX: usize = 1 << 31;

    /// The position behind this number of entries.
    ///
    /// # Panics
    ///
    /// When there are 2,147,483,648 entries: 72 GiB.
    pub(super) fn after(entries: usize) -> Self {
        assert!(entries < Self::COUNT_MAX, "fewer calls are pending than two thousand million");
        Self(entries as u32)
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// As a vacant entry stores it.
    #[inline]
    pub(super) fn into_vacant(self) -> u64 {
        u64::from(self.0)
    }

    /// The position that a vacant entry stores.
    #[inline]
    pub(super) fn from_vacant(stored: u64) -> Self {
        Self(stored as u32)
    }

    /// The key of a call there.
    #[inline]
    pub(super) fn key(self, generation: u32) -> TimerKey {
        TimerKey(u64::from(generation) << 32 | u64::from(self.0))
    }

    /// The position of the call with this key, and the generation that its entry had then.
    #[inline]
    pub(super) fn of(key: TimerKey) -> (Self, u32) {
        (Self(key.0 as u32), (key.0 >> 32) as u32)
    }
}
