//! The entries of calls: time, number, generation, closure.
//!
//! 32 bytes a call beside the captures of its closure. Invariant: a key names one call for ever: an entry
//! that is used again has another generation, and one that has none left stays unused.

use interfaces::delayed_call::TimerKey;

use super::TimerCallback;
use super::chunks::Chunks;
use super::heap::Record;
use super::positions::Position;

/// The most entries whose storage is kept when no call is pending.
const KEPT_MAX: usize = 1024;

/// Storage is freed only while this many generations are left to a new entry.
const GENERATIONS_MIN: u32 = u32::MAX / 2;

/// The order of a vacant entry.
const VACANT: u32 = Record::NUMBERS;

const PRESENT: &str = "an entry stays where it is";

/// Two of them fill a cache line, and none lies in two lines.
#[repr(align(32))]
struct Entry {
    /// Nanoseconds since the zero of the clock. Of a vacant entry: the position of the next vacant one.
    due: u64,
    /// The number of the entry's latest record, which is the one that is not stale.
    order: u32,
    /// Odd while the call is pending.
    generation: u32,
    /// Of a vacant entry: `None`.
    call: Option<TimerCallback>,
}

/// All entries, pending and vacant.
pub(super) struct Entries {
    entries: Chunks<Entry, 1024>,
    pending: usize,
    /// The first of the list of vacant entries; the latest is first.
    vacant: Position,
    /// The generation of a new entry, less one.
    first_generation: u32,
    /// The highest of any entry so far.
    last_generation: u32,
}

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            entries: Chunks::default(),
            pending: 0,
            vacant: Position::NOWHERE,
            first_generation: 0,
            last_generation: 0,
        }
    }

    /// The number of pending calls.
    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    #[inline]
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
        self.vacant = Position::from_vacant(entry.due);
        entry.due = due;
        entry.order = order;
        entry.generation += 1;
        entry.call = Some(call);
        (position, position.key(entry.generation))
    }

    fn push(&mut self, due: u64, order: u32, call: TimerCallback) -> (Position, TimerKey) {
        let position = Position::after(self.entries.len());
        let generation = self.first_generation + 1;
        self.entries.push(Entry { due, order, generation, call: Some(call) });
        (position, position.key(generation))
    }

    /// The entry of a pending call.
    #[inline]
    pub(super) fn find(&self, key: TimerKey) -> Option<Position> {
        let (position, generation) = Position::of(key);
        let entry = self.entries.get(position.index())?;
        (entry.is_pending() && entry.generation == generation).then_some(position)
    }

    /// When a pending call is due.
    pub(super) fn due(&self, position: Position) -> u64 {
        self.entry(position).due
    }

    /// Writes the time and the number of a pending call.
    #[inline]
    pub(super) fn change(&mut self, record: Record) {
        let entry = self.entries.get_mut(record.position.index()).expect(PRESENT);
        entry.due = record.due;
        entry.order = record.order;
    }

    /// Whether this record is its entry's latest, so that it is not stale.
    #[inline]
    pub(super) fn is_latest(&self, record: Record) -> bool {
        self.entry(record.position).order == record.order
    }

    /// Takes the call out of an entry, which is vacant then.
    #[inline]
    pub(super) fn remove(&mut self, position: Position) -> Option<TimerCallback> {
        let entry = self.entries.get_mut(position.index()).expect(PRESENT);
        let call = entry.call.take()?;
        entry.order = VACANT;
        entry.generation = entry.generation.wrapping_add(1);
        if entry.generation != 0 {
            self.last_generation = self.last_generation.max(entry.generation);
            entry.due = self.vacant.into_vacant();
            self.vacant = position;
        }
        self.pending -= 1;
        Some(call)
    }

    /// Frees the storage when no call is pending, if it is large; returns whether it did. New entries begin
    /// with a generation that no entry has had.
    #[cold]
    pub(super) fn give_back(&mut self) -> bool {
        let is_worth_it = self.entries.len() > KEPT_MAX && self.last_generation < GENERATIONS_MIN;
        if is_worth_it {
            self.first_generation = self.last_generation;
            self.entries = Chunks::default();
            self.vacant = Position::NOWHERE;
        }
        is_worth_it
    }

    /// Records of all pending calls, in the order of the entries.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let positions = (0..self.entries.len()).map(Position::after);
        positions.filter_map(|position| {
            let entry = self.entry(position);
            let Entry { due, order, .. } = *entry;
            entry.is_pending().then_some(Record { due, order, position })
        })
    }

    /// The key of a pending call.
    pub(super) fn key(&self, position: Position) -> TimerKey {
        position.key(self.entry(position).generation)
    }

    /// Takes all calls, in the order of their entries.
    pub(super) fn take_all(&mut self) -> Vec<TimerCallback> {
        let positions = (0..self.entries.len()).map(Position::after);
        let calls = positions.filter_map(|position| self.remove(position)).collect();
        self.give_back();
        calls
    }

    #[inline]
    fn entry(&self, position: Position) -> &Entry {
        self.entries.get(position.index()).expect(PRESENT)
    }
}

impl Entry {
    #[inline]
    fn is_pending(&self) -> bool {
        self.generation % 2 == 1
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
