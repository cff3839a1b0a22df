//! Where pending calls wait: in the slots of wheels, each slot a list or a finer wheel.
//!
//! ```text
//!   root, 2^60 ns a slot   [ wheel |       |  list |       | …  64 slots ]
//!                             |
//!         2^54 ns a slot   [       |  list |       | wheel | …           ]
//!                                                     |
//!                                         …  down to a nanosecond a slot
//! ```
//!
//! The bits of a time choose the slots on its way down, six for each wheel: nothing turns with the
//! clock, and however far it jumps costs nothing. A list becomes a wheel when it comes first and is
//! too long to be put in order, or when a crowd has come to it; an empty wheel becomes an empty
//! slot. Invariant: a call is in the list that its time leads to, behind those of the same time that
//! were there before it.

use slab::Slab;

use super::entries::Entries;
use super::links::{Link, Neighbour, Place, Position};

/// How many calls of a list are put in order when it comes first.
const IN_ORDER_MAX: usize = 32;

/// How many calls come to a list before it becomes a wheel, so that none gets so long that dealing
/// it out keeps everybody waiting: this many take some milliseconds.
const CROWD: u32 = 1 << 16;

/// How many bits of a time are below those that choose a slot of the root.
const ROOT_SHIFT: u32 = 60;

pub(super) struct Wheels {
    /// The first is the root, which is always there.
    wheels: Slab<Wheel>,
    root: usize,
    /// The wheel that was last put into, if it is still there: the next call most often belongs
    /// there too.
    recent: usize,
}

/// Whether a crowd may cost an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    MayGrow,
    AsItIs,
}

struct Wheel {
    slots: [Slot; Place::SLOTS],
    /// A bit for each slot that isn't empty; there is one in all wheels but the root.
    occupied: u64,
    /// How many bits of a time are below those that choose a slot.
    shift: u32,
    /// The bits above those, which all times in the wheel have.
    prefix: u64,
    /// The slot that this wheel is in; only the root is in none.
    within: Option<Place>,
}

#[derive(Clone, Copy)]
enum Slot {
    Empty,
    /// Calls, how many have come since it was last empty or counted, and whether they are known to
    /// be in the order of their times.
    List {
        first: Position,
        last: Position,
        came: u32,
        in_order: bool,
    },
    /// The number of a finer wheel.
    Wheel(u32),
}

impl Wheels {
    pub(super) fn new() -> Self {
        let mut wheels = Slab::with_capacity(1);
        let root = wheels.insert(Wheel::new(ROOT_SHIFT, 0, None));
        Self { wheels, root, recent: root }
    }

    /// Puts an entry at the end of the list that its time leads to.
    pub(super) fn append(&mut self, entries: &mut Entries, position: Position, storage: Storage) {
        let place = self.place_of(entries[position].due);
        let came = self.append_at(place, entries, position);
        if came > CROWD && (storage == Storage::MayGrow || self.has_room()) {
            self.disperse(place, entries);
        }
    }

    /// Takes an entry out of its list; if it was the first of a list that is in order, answers who
    /// is that now.
    pub(super) fn unlink(&mut self, entries: &mut Entries, position: Position) -> Option<Position> {
        let entry = &entries[position];
        let (before, after) = (entry.before, entry.after);
        match (before.neighbour(), after.neighbour()) {
            (Neighbour::Slot(place), Neighbour::Slot(_)) => self.empty(place),
            (Neighbour::Slot(place), Neighbour::Entry(next)) => {
                entries[next].before = before;
                if let Slot::List { first, in_order, .. } = self.slot_mut(place) {
                    *first = next;
                    return in_order.then_some(next);
                }
            }
            (Neighbour::Entry(previous), Neighbour::Slot(place)) => {
                entries[previous].after = after;
                if let Slot::List { last, .. } = self.slot_mut(place) {
                    *last = previous;
                }
            }
            (Neighbour::Entry(previous), Neighbour::Entry(next)) => {
                entries[previous].after = after;
                entries[next].before = before;
            }
        }
        None
    }

    /// The call that is due first; of those for the same time, the one that came first.
    pub(super) fn soonest(&mut self, entries: &mut Entries) -> Option<Position> {
        let mut number = self.root;
        loop {
            let wheel = &self.wheels[number];
            let place = Place::new(number, wheel.first_occupied()?);
            match wheel.slots[place.slot()] {
                Slot::Empty => return None,
                Slot::Wheel(finer) => number = finer as usize,
                Slot::List { first, in_order: true, .. } => return Some(first),
                Slot::List { first, .. } if is_long(entries, first) => self.open(place, entries),
                Slot::List { first, .. } => self.put_in_order(place, entries, first),
            }
        }
    }

    /// Where a call for this time belongs: a list, or an empty slot.
    fn place_of(&mut self, due: u64) -> Place {
        let recent = self.wheels.get(self.recent);
        let is_there = recent.is_some_and(|wheel| wheel.prefix_of(due) == wheel.prefix);
        let mut number = if is_there { self.recent } else { self.root };
        loop {
            let wheel = &self.wheels[number];
            let slot = wheel.slot_of(due);
            match wheel.slots[slot] {
                Slot::Wheel(finer) => number = finer as usize,
                Slot::Empty | Slot::List { .. } => {
                    self.recent = number;
                    return Place::new(number, slot);
                }
            }
        }
    }

    /// Puts an entry at the end of the list there; answers how many have come to it.
    fn append_at(&mut self, place: Place, entries: &mut Entries, position: Position) -> u32 {
        let due = entries[position].due;
        let wheel = &mut self.wheels[place.wheel()];
        let slot = &mut wheel.slots[place.slot()];
        let (before, came) = match slot {
            Slot::List { last, came, in_order, .. } => {
                let previous = &mut entries[*last];
                previous.after = Link::to(Neighbour::Entry(position));
                *in_order = *in_order && previous.due <= due;
                let before = Link::to(Neighbour::Entry(*last));
                *last = position;
                *came = came.saturating_add(1);
                (before, *came)
            }
            Slot::Empty | Slot::Wheel(_) => {
                *slot = Slot::List { first: position, last: position, came: 1, in_order: true };
                wheel.occupied |= 1 << place.slot();
                (Link::to(Neighbour::Slot(place)), 1)
            }
        };
        let entry = &mut entries[position];
        entry.before = before;
        entry.after = Link::to(Neighbour::Slot(place));
        came
    }

    /// Makes a wheel of the list there, unless most of those that came have gone.
    fn disperse(&mut self, place: Place, entries: &mut Entries) {
        if let Slot::List { first, came, .. } = self.slot_mut(place) {
            *came = 0;
            if is_long(entries, *first) {
                self.open(place, entries);
            }
        }
    }

    /// Puts a list that isn't long in the order of its times; calls for the same time stay as they
    /// are.
    fn put_in_order(&mut self, place: Place, entries: &mut Entries, first: Position) {
        let mut calls = [(0, first); IN_ORDER_MAX];
        let mut len = 0;
        let mut next = Neighbour::Entry(first);
        while let (Neighbour::Entry(position), Some(call)) = (next, calls.get_mut(len)) {
            let entry = &entries[position];
            *call = (entry.due, position);
            next = entry.after.neighbour();
            len += 1;
        }
        let calls = &mut calls[..len];
        calls.sort_by_key(|(due, _)| *due);
        *self.slot_mut(place) = Slot::Empty;
        for (_, position) in calls {
            self.append_at(place, entries, *position);
        }
    }

    /// Makes a wheel of the list there, unless it is for a single nanosecond: such a list is always in
    /// order.
    fn open(&mut self, place: Place, entries: &mut Entries) {
        let wheel = &self.wheels[place.wheel()];
        let Slot::List { first, .. } = wheel.slots[place.slot()] else { return };
        let Some(shift) = wheel.shift.checked_sub(Place::BITS) else { return };
        let prefix = wheel.prefix << Place::BITS | place.slot() as u64;
        let finer = self.wheels.insert(Wheel::new(shift, prefix, Some(place)));
        *self.slot_mut(place) = Slot::Wheel(finer as u32);
        let mut position = first;
        loop {
            let entry = &entries[position];
            let after = entry.after;
            let slot = self.wheels[finer].slot_of(entry.due);
            self.append_at(Place::new(finer, slot), entries, position);
            match after.neighbour() {
                Neighbour::Entry(next) => position = next,
                Neighbour::Slot(_) => return,
            }
        }
    }

    /// Empties a slot, and leaves the wheels that have become empty.
    fn empty(&mut self, mut place: Place) {
        loop {
            let wheel = &mut self.wheels[place.wheel()];
            wheel.slots[place.slot()] = Slot::Empty;
            wheel.occupied &= !(1 << place.slot());
            match wheel.within {
                Some(within) if wheel.occupied == 0 => {
                    self.wheels.remove(place.wheel());
                    place = within;
                }
                Some(_) | None => return,
            }
        }
    }

    /// Whether one more wheel takes no allocation.
    fn has_room(&self) -> bool {
        self.wheels.len() < self.wheels.capacity()
    }

    fn slot_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.wheels[place.wheel()].slots[place.slot()]
    }
}

impl Wheel {
    fn new(shift: u32, prefix: u64, within: Option<Place>) -> Self {
        Self { slots: [Slot::Empty; Place::SLOTS], occupied: 0, shift, prefix, within }
    }

    fn prefix_of(&self, due: u64) -> u64 {
        // In two steps, as the root leaves no bit.
        due >> self.shift >> Place::BITS
    }

    fn slot_of(&self, due: u64) -> usize {
        (due >> self.shift) as usize % Place::SLOTS
    }

    fn first_occupied(&self) -> Option<usize> {
        (self.occupied != 0).then(|| self.occupied.trailing_zeros() as usize)
    }
}

/// Whether a list is too long to be put in order.
fn is_long(entries: &Entries, first: Position) -> bool {
    let mut position = first;
    for _ in 0..IN_ORDER_MAX {
        match entries[position].after.neighbour() {
            Neighbour::Entry(next) => position = next,
            Neighbour::Slot(_) => return false,
        }
    }
    true
}
