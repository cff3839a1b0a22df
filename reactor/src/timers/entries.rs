//! What is known of each pending call: when it is due, its number, and its closure.
//!
//! 36 bytes a call beside what its closure captured. Generations are by themselves, so that a
//! million of them stay in the cache: whether a call is pending is known before its entry has come
//! from memory. Invariant: a key names one call for ever: an entry that is used again has another
//! generation, and one that has none left stays unused.

use std::mem;

use interfaces::delayed_call::TimerKey;

use super::TimerCallback;
use super::chunks::Chunks;
use super::places::Position;
use super::records::Record;

/// How many entries are kept when no call is pending; the storage of more is given back.
const KEPT_MAX: usize = 1024;

/// Storage is given back only while a new entry has at least as many generations before it.
const GENERATIONS_MIN: u32 = u32::MAX / 2;

const PRESENT: &str = "an entry stays where it is";

/// Two of them fill a cache line, and none lies across two.
#[repr(align(32))]
struct Entry {
    /// Nanoseconds since the zero of the clock.
    due: u64,
    /// The number of the record that says so; none has that of a vacant entry.
    order: u32,
    /// Of a vacant entry: the next vacant one.
    next: Position,
    /// Of a vacant entry: `None`.
    call: Option<TimerCallback>,
}

/// All entries, pending and vacant.
pub(super) struct Entries {
    entries: Chunks<Entry, 1024>,
    /// Of each entry; an odd number while it is pending.
    generations: Chunks<u32, 8192>,
    pending: usize,
    /// The entry that was left last, first.
    vacant: Position,
    /// What an entry begins with that was never used.
    first_generation: u32,
    /// The highest of any entry so far.
    last_generation: u32,
}

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            entries: Chunks::default(),
            generations: Chunks::default(),
            pending: 0,
            vacant: Position::NOWHERE,
            first_generation: 0,
            last_generation: 0,
        }
    }

    /// How many are pending.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// How many there are, pending or not.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn insert(
        &mut self,
        due: u64,
        order: u32,
        call: TimerCallback,
    ) -> (Position, TimerKey) {
        self.pending += 1;
        let position = self.vacant;
        let Some(entry) = self.entries.get_mut(position.index()) else {
            return self.push(due, order, call);
        };
        self.vacant = entry.next;
        entry.due = due;
        entry.order = order;
        entry.call = Some(call);
        let generation = self.generations.get_mut(position.index()).expect(PRESENT);
        *generation += 1;
        (position, position.key(*generation))
    }

    fn push(&mut self, due: u64, order: u32, call: TimerCallback) -> (Position, TimerKey) {
        let position = Position::after(self.entries.len());
        let generation = self.first_generation + 1;
        self.entries.push(Entry { due, order, next: Position::NOWHERE, call: Some(call) });
        self.generations.push(generation);
        (position, position.key(generation))
    }

    /// The entry of a pending call.
    pub(super) fn find(&self, key: TimerKey) -> Option<Position> {
        let (position, generation) = Position::of(key);
        let is_pending = generation % 2 == 1;
        let found = self.generations.get(position.index()) == Some(&generation);
        (is_pending && found).then_some(position)
    }

    /// When a pending call is due.
    pub(super) fn due(&self, position: Position) -> u64 {
        self.entry(position).due
    }

    /// Makes a pending call due then, without a look at what its entry says.
    pub(super) fn change(&mut self, record: Record) {
        let entry = self.entries.get_mut(record.position.index()).expect(PRESENT);
        entry.due = record.due;
        entry.order = record.order;
    }

    /// Whether a call is pending, and due as this record says.
    #[inline]
    pub(super) fn is_current(&self, record: Record) -> bool {
        self.entry(record.position).order == record.order
    }

    /// The same, for one that is due soon: all that is needed then comes into the cache.
    #[inline]
    pub(super) fn is_current_soon(&self, record: Record) -> bool {
        // The number would do. Both are looked at in any case, and neither waits for the other.
        self.is_pending(record.position) & self.is_current(record)
    }

    fn is_pending(&self, position: Position) -> bool {
        self.generations.get(position.index()).is_some_and(|generation| generation % 2 == 1)
    }

    /// Leaves an entry.
    pub(super) fn remove(&mut self, position: Position) -> Option<TimerCallback> {
        let entry = self.entries.get_mut(position.index()).expect(PRESENT);
        let call = entry.call.take()?;
        entry.order = Record::NUMBERS;
        let generation = self.generations.get_mut(position.index()).expect(PRESENT);
        *generation = generation.wrapping_add(1);
        if *generation != 0 {
            self.last_generation = self.last_generation.max(*generation);
            entry.next = mem::replace(&mut self.vacant, position);
        }
        self.pending -= 1;
        Some(call)
    }

    /// Gives the storage back when nothing is pending, if that is worth it; answers whether it did.
    /// Entries begin then with a generation that none has had.
    #[cold]
    pub(super) fn give_back(&mut self) -> bool {
        let is_worth_it = self.entries.len() > KEPT_MAX && self.last_generation < GENERATIONS_MIN;
        if is_worth_it {
            self.first_generation = self.last_generation;
            self.entries = Chunks::default();
            self.generations = Chunks::default();
            self.vacant = Position::NOWHERE;
        }
        is_worth_it
    }

    /// Records of all pending calls, in the order of the entries.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let positions = (0..self.entries.len()).map(Position::after);
        positions.filter(|position| self.is_pending(*position)).map(|position| {
            let Entry { due, order, .. } = *self.entry(position);
            Record { due, order, position }
        })
    }

    /// Takes all calls, in the order of their entries.
    pub(super) fn take_all(&mut self) -> Vec<TimerCallback> {
        let positions = (0..self.entries.len()).map(Position::after);
        let calls = positions.filter_map(|position| self.remove(position)).collect();
        self.give_back();
        calls
    }

    fn entry(&self, position: Position) -> &Entry {
        self.entries.get(position.index()).expect(PRESENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_half_a_cache_line() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
