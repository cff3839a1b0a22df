//! How calls hang together in lists: numbers instead of pointers, four bytes each.
//!
//! Invariant: a link with the highest bit is a slot, or leads nowhere, and any other is an entry.

use interfaces::TimerKey;

/// Where an entry is among the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position(u32);

/// Where a slot is: the number of its wheel, and in the lowest bits its own in the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

/// What comes before or after an entry: another entry of its list, or at either end the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    Entry(Position),
    Slot(Place),
}

/// A [`Neighbour`] as it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link(u32);

impl Position {
    /// The position of one more entry when there are so many.
    ///
    /// # Panics
    ///
    /// When there are 2,147,483,648: more than 80 GiB of entries.
    pub(super) fn after(entries: usize) -> Self {
        let number = u32::try_from(entries).ok().filter(|number| *number < Link::SLOT);
        Self(number.expect("fewer calls are pending than two thousand million"))
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// The key of a call there.
    pub(super) fn key(self, generation: u32) -> TimerKey {
        TimerKey(u64::from(generation) << 32 | u64::from(self.0))
    }

    /// Where the call with this key was put.
    pub(super) fn of(key: TimerKey) -> Self {
        Self(key.0 as u32)
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

impl Link {
    const SLOT: u32 = 1 << 31;

    pub(super) fn to(neighbour: Neighbour) -> Self {
        match neighbour {
            Neighbour::Entry(position) => Self(position.0),
            Neighbour::Slot(place) => Self(place.0 | Self::SLOT),
        }
    }

    pub(super) fn neighbour(self) -> Neighbour {
        if self.0 < Self::SLOT {
            Neighbour::Entry(Position(self.0))
        } else {
            Neighbour::Slot(Place(self.0 & !Self::SLOT))
        }
    }
}

impl Default for Link {
    /// Leads nowhere.
    fn default() -> Self {
        Self(Self::SLOT)
    }
}
