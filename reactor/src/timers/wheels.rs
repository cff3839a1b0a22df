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
//! too long to be sorted, or was sorted before, or when a crowd has come to it; an empty wheel becomes
//! an empty slot. Invariant: a record is in the list that its time leads to.

use slab::Slab;

use super::entries::Entries;
use super::places::Place;
use super::records::{Blocks, List, Record};

/// How many blocks a list may have before it becomes a wheel, so that none gets so long that dealing
/// it out keeps everybody waiting: these take less than a millisecond.
const CROWD: u32 = 2048;

/// How many bits of a time are below those that choose a slot of the root.
const ROOT_SHIFT: u32 = 60;

pub(super) struct Wheels {
    /// The first is the root, which is always there.
    wheels: Slab<Wheel>,
    blocks: Blocks,
    records: usize,
    root: usize,
    /// The wheel that was last put into, if it is still there: the next record most often belongs
    /// there too.
    recent: usize,
    front: Option<Front>,
}

/// The list that comes first, if it is known, and the beginning of its range of time.
#[derive(Clone, Copy)]
struct Front {
    place: Place,
    begins: u64,
}

struct Wheel {
    slots: [WheelSlot; Place::SLOTS],
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
enum WheelSlot {
    Empty,
    List(List),
    /// The number of a finer wheel.
    Wheel(u32),
}

impl Wheels {
    pub(super) fn new() -> Self {
        let mut wheels = Slab::with_capacity(1);
        let root = wheels.insert(Wheel::new(ROOT_SHIFT, 0, None));
        Self { wheels, blocks: Blocks::default(), records: 0, root, recent: root, front: None }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// Takes all records out; the storage stays.
    pub(super) fn clear(&mut self) {
        self.wheels.clear();
        self.blocks.clear();
        self.root = self.wheels.insert(Wheel::new(ROOT_SHIFT, 0, None));
        self.recent = self.root;
        self.records = 0;
        self.front = None;
    }

    pub(super) fn insert(&mut self, record: Record) {
        self.records += 1;
        let (place, list) = self.insert_below(self.start_for(record.due), record);
        self.recent = place.wheel();
        match self.front {
            // All others come after what was in front.
            Some(front) if record.due < front.begins => {
                let begins = self.wheels[place.wheel()].begin_of(place.slot());
                self.front = Some(Front { place, begins });
            }
            Some(front) if front.place == place && !list.is_in_order() => self.front = None,
            Some(_) | None => {}
        }
        if list.blocks() > CROWD {
            self.open(place);
        }
    }

    /// The record that comes first of those that are current; others before it are thrown away.
    pub(super) fn first(&mut self, entries: &Entries) -> Option<Record> {
        let mut number = self.root;
        loop {
            let place = match self.front {
                Some(front) => front.place,
                None => self.find_front(number, entries)?,
            };
            let slot = &mut self.wheels[place.wheel()].slots[place.slot()];
            let WheelSlot::List(list) = slot else { return None };
            let record = self.blocks.first(list);
            if entries.is_current(record) {
                return Some(record);
            }
            self.blocks.drop_first(list);
            self.records -= 1;
            if list.is_empty() {
                self.front = None;
                number = self.empty(place);
            }
        }
    }

    /// Finds the list that comes first, from a wheel on that has it, and puts it in order. What is not
    /// current is thrown away before a list is sorted: many entries come from memory in hardly more
    /// time than one, and are there when their calls are due.
    fn find_front(&mut self, mut number: usize, entries: &Entries) -> Option<Place> {
        loop {
            let wheel = &mut self.wheels[number];
            let slot = wheel.first_occupied()?;
            let place = Place::new(number, slot);
            match &mut wheel.slots[slot] {
                WheelSlot::Empty => return None,
                WheelSlot::Wheel(finer) => number = *finer as usize,
                WheelSlot::List(list) if list.is_in_order() => {
                    self.front = Some(Front { place, begins: wheel.begin_of(slot) });
                    return Some(place);
                }
                // For a single nanosecond there is no finer wheel.
                WheelSlot::List(list) if list.is_sortable() || wheel.shift == 0 => {
                    let keep = |record| entries.is_current_soon(record);
                    self.records -= self.blocks.sort(list, keep);
                    if list.is_empty() {
                        number = self.empty(place);
                    }
                }
                WheelSlot::List(_) => self.open(place),
            }
        }
    }

    /// A wheel on the way to where a record for this time belongs.
    fn start_for(&self, due: u64) -> usize {
        let recent = self.wheels.get(self.recent);
        let is_there = recent.is_some_and(|wheel| wheel.prefix_of(due) == wheel.prefix);
        if is_there { self.recent } else { self.root }
    }

    /// Puts a record where it belongs, in a wheel or in a finer one; answers where that is, and the
    /// list.
    fn insert_below(&mut self, mut number: usize, record: Record) -> (Place, List) {
        loop {
            let wheel = &mut self.wheels[number];
            let slot = wheel.slot_of(record.due);
            let list = match &mut wheel.slots[slot] {
                WheelSlot::Wheel(finer) => {
                    number = *finer as usize;
                    continue;
                }
                WheelSlot::List(list) => {
                    self.blocks.add(list, record);
                    *list
                }
                empty @ WheelSlot::Empty => {
                    let list = self.blocks.list(record);
                    *empty = WheelSlot::List(list);
                    wheel.occupied |= 1 << slot;
                    list
                }
            };
            return (Place::new(number, slot), list);
        }
    }

    /// Makes a wheel of the list there, unless it is for a single nanosecond.
    fn open(&mut self, place: Place) {
        let wheel = &self.wheels[place.wheel()];
        let WheelSlot::List(mut list) = wheel.slots[place.slot()] else { return };
        let Some(shift) = wheel.shift.checked_sub(Place::BITS) else { return };
        let prefix = wheel.prefix << Place::BITS | place.slot() as u64;
        let finer = self.wheels.insert(Wheel::new(shift, prefix, Some(place)));
        self.wheels[place.wheel()].slots[place.slot()] = WheelSlot::Wheel(finer as u32);
        self.front = None;
        while let Some(record) = self.blocks.pop(&mut list) {
            self.insert_below(finer, record);
        }
    }

    /// Empties a slot, and leaves the wheels that have become empty; answers the wheel where what came
    /// next to the slot is.
    fn empty(&mut self, mut place: Place) -> usize {
        loop {
            let wheel = &mut self.wheels[place.wheel()];
            wheel.slots[place.slot()] = WheelSlot::Empty;
            wheel.occupied &= !(1 << place.slot());
            match wheel.within {
                Some(within) if wheel.occupied == 0 => {
                    self.wheels.remove(place.wheel());
                    place = within;
                }
                Some(_) | None => return place.wheel(),
            }
        }
    }
}

impl Wheel {
    fn new(shift: u32, prefix: u64, within: Option<Place>) -> Self {
        Self { slots: [WheelSlot::Empty; Place::SLOTS], occupied: 0, shift, prefix, within }
    }

    fn prefix_of(&self, due: u64) -> u64 {
        // In two steps, as the root leaves no bit.
        due >> self.shift >> Place::BITS
    }

    fn slot_of(&self, due: u64) -> usize {
        (due >> self.shift) as usize % Place::SLOTS
    }

    /// The beginning of a slot's range of time.
    fn begin_of(&self, slot: usize) -> u64 {
        (self.prefix << Place::BITS | slot as u64) << self.shift
    }

    fn first_occupied(&self) -> Option<usize> {
        (self.occupied != 0).then(|| self.occupied.trailing_zeros() as usize)
    }
}
