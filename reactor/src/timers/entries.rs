//! What is known of each pending call: when it is due, its closure, its neighbours in a list.
//!
//! 40 bytes a call beside what its closure captured. Invariant: a key names one call for ever: an
//! entry that is used again has another generation, and one that has none left stays unused.

use std::ops::{Index, IndexMut};

use interfaces::TimerKey;

use super::Call;
use super::chunks::Chunks;
use super::links::{Link, Neighbour, Position};

/// How many entries are kept when no call is pending; the storage of more is given back.
const KEPT_MAX: usize = 1024;

/// Storage is given back only while a new entry has at least as many generations before it.
const GENERATIONS_MIN: u32 = u32::MAX / 2;

const PRESENT: &str = "an entry stays where it is";

pub(super) struct Entry {
    /// Nanoseconds since the zero of the clock.
    pub(super) due: u64,
    /// The phase of due calls that had begun last when it was asked for or moved.
    pub(super) phase: u32,
    generation: u32,
    pub(super) before: Link,
    /// Of a vacant entry: the next vacant one.
    pub(super) after: Link,
    /// Of a vacant entry: `None`.
    call: Option<Call>,
}

/// All entries, pending and vacant.
#[derive(Default)]
pub(super) struct Entries {
    entries: Chunks<Entry>,
    pending: usize,
    /// The entry that was left last, first.
    vacant: Link,
    /// What an entry begins with that was never used.
    first_generation: u32,
    /// The highest of any entry so far.
    last_generation: u32,
}

impl Entries {
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Takes an entry, which is in no list yet.
    pub(super) fn insert(&mut self, due: u64, phase: u32, call: Call) -> (Position, TimerKey) {
        let Neighbour::Entry(position) = self.vacant.neighbour() else {
            return self.push(due, phase, call);
        };
        let entry = self.entries.get_mut(position.index()).expect(PRESENT);
        self.vacant = entry.after;
        self.pending += 1;
        entry.due = due;
        entry.phase = phase;
        entry.call = Some(call);
        (position, entry.key(position))
    }

    fn push(&mut self, due: u64, phase: u32, call: Call) -> (Position, TimerKey) {
        let position = Position::after(self.entries.len());
        let generation = self.first_generation;
        let (before, after) = (Link::default(), Link::default());
        let entry = Entry { due, phase, generation, before, after, call: Some(call) };
        let key = entry.key(position);
        self.entries.push(entry);
        self.pending += 1;
        (position, key)
    }

    /// The entry of a pending call.
    pub(super) fn find(&self, key: TimerKey) -> Option<Position> {
        let position = Position::of(key);
        let entry = self.entries.get(position.index())?;
        (entry.call.is_some() && entry.key(position) == key).then_some(position)
    }

    /// Leaves an entry that is in no list any more.
    pub(super) fn remove(&mut self, position: Position) -> Option<Call> {
        let entry = self.entries.get_mut(position.index()).expect(PRESENT);
        let call = entry.call.take()?;
        self.pending -= 1;
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            entry.after = self.vacant;
            self.vacant = Link::to(Neighbour::Entry(position));
            self.last_generation = self.last_generation.max(next);
        }
        if self.pending == 0 && self.entries.len() > KEPT_MAX {
            self.give_back();
        }
        Some(call)
    }

    /// Gives the storage back. Entries begin with a generation that none has had.
    fn give_back(&mut self) {
        if self.last_generation < GENERATIONS_MIN {
            self.first_generation = self.last_generation;
            self.entries = Chunks::default();
            self.vacant = Link::default();
        }
    }

    /// Takes all calls, in the order of their entries.
    pub(super) fn take_all(&mut self) -> Vec<Call> {
        let mut calls = Vec::with_capacity(self.pending);
        let mut index = 0;
        while self.pending > 0 {
            calls.extend(self.remove(Position::after(index)));
            index += 1;
        }
        calls
    }
}

impl Entry {
    fn key(&self, position: Position) -> TimerKey {
        position.key(self.generation)
    }
}

impl Index<Position> for Entries {
    type Output = Entry;

    fn index(&self, position: Position) -> &Entry {
        self.entries.get(position.index()).expect(PRESENT)
    }
}

impl IndexMut<Position> for Entries {
    fn index_mut(&mut self, position: Position) -> &mut Entry {
        self.entries.get_mut(position.index()).expect(PRESENT)
    }
}
