//! How calls and slots are named: numbers instead of pointers, four bytes each.
//!
//! Invariant: whatever is named by a position or a place stays where it is.

use interfaces::delayed_call::TimerKey;

/// Where an entry is among the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u32);

/// Where a slot is: the number of its wheel, and in the lowest bits its own in the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Position {
    /// No entry is there.
    pub(super) const NOWHERE: Self = Self(u32::MAX);

    const COUNT_MAX: usize = 1 << 31;

    /// The position of one more entry when there are so many.
    ///
    /// # Panics
    ///
    /// When there are 2,147,483,648: 72 GiB of entries.
    pub(super) fn after(entries: usize) -> Self {
        assert!(entries < Self::COUNT_MAX, "fewer calls are pending than two thousand million");
        Self(entries as u32)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// The key of a call there.
    pub(super) fn key(self, generation: u32) -> TimerKey {
        TimerKey(u64::from(generation) << 32 | u64::from(self.0))
    }

    /// Where the call with this key was put, and the generation of its entry then.
    pub(super) fn of(key: TimerKey) -> (Self, u32) {
        (Self(key.0 as u32), (key.0 >> 32) as u32)
    }
}

impl Place {
    /// How many bits of a time choose a slot of a wheel.
    pub(super) const BITS: u32 = 6;
    pub(super) const SLOTS: usize = 1 << Self::BITS;

    /// There are far fewer wheels than entries, so that their number fits.
    pub(super) fn new(wheel: usize, slot: usize) -> Self {
        Self((wheel << Self::BITS | slot) as u32)
    }

    pub(super) fn wheel(self) -> usize {
        (self.0 >> Self::BITS) as usize
    }

    pub(super) fn slot(self) -> usize {
        self.0 as usize % Self::SLOTS
    }
}
