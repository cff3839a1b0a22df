//! What the reactor asks of its pending calls.
//!
//! Invariant: `soonest`, if it is known, is the call that is due first.

use std::time::Duration;

use interfaces::{NotPending, TimerKey};

use super::Call;
use super::entries::Entries;
use super::links::Position;
use super::wheels::{Storage, Wheels};

pub(crate) struct TimerQueue {
    entries: Entries,
    wheels: Wheels,
    /// The call that is due first, and when.
    soonest: Option<(Position, u64)>,
    phase: u32,
}

impl TimerQueue {
    pub(crate) fn new() -> Self {
        Self { entries: Entries::default(), wheels: Wheels::new(), soonest: None, phase: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.pending()
    }

    pub(crate) fn insert(&mut self, time: Duration, call: Call) -> TimerKey {
        let due = nanoseconds(time);
        let (position, key) = self.entries.insert(due, self.phase, call);
        self.wheels.append(&mut self.entries, position, Storage::MayGrow);
        self.note(position, due, self.len() == 1);
        key
    }

    /// When the soonest call is due.
    pub(crate) fn next_time(&mut self) -> Option<Duration> {
        self.soonest().map(|(_, due)| Duration::from_nanos(due))
    }

    /// Begins a phase of due calls: what is asked for or moved from now on is not part of it.
    pub(crate) fn begin_phase(&mut self) {
        // After 2^32 phases a call as old as that is taken for a new one, and waits for one more.
        self.phase = self.phase.wrapping_add(1);
    }

    /// Takes the soonest call, if it is due at `now` and was asked for before this phase.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Call> {
        let (position, due) = self.soonest()?;
        if due > nanoseconds(now) || self.entries[position].phase == self.phase {
            return None;
        }
        self.take(position)
    }

    pub(crate) fn time(&self, key: TimerKey) -> Option<Duration> {
        let position = self.entries.find(key)?;
        Some(Duration::from_nanos(self.entries[position].due))
    }

    /// Takes a call back; the caller drops it with nothing borrowed.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Result<Call, NotPending> {
        let position = self.entries.find(key).ok_or(NotPending)?;
        self.take(position).ok_or(NotPending)
    }

    /// Moves a call; among those for the same time it is now the last.
    pub(crate) fn set_time(&mut self, key: TimerKey, time: Duration) -> Result<(), NotPending> {
        let position = self.entries.find(key).ok_or(NotPending)?;
        self.unlink(position);
        let due = nanoseconds(time);
        let entry = &mut self.entries[position];
        entry.due = due;
        entry.phase = self.phase;
        self.wheels.append(&mut self.entries, position, Storage::AsItIs);
        self.note(position, due, self.len() == 1);
        Ok(())
    }

    /// Takes all calls; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&mut self) -> Vec<Call> {
        self.wheels = Wheels::new();
        self.soonest = None;
        self.entries.take_all()
    }

    fn soonest(&mut self) -> Option<(Position, u64)> {
        if self.soonest.is_none() {
            let position = self.wheels.soonest(&mut self.entries)?;
            self.soonest = Some((position, self.entries[position].due));
        }
        self.soonest
    }

    fn take(&mut self, position: Position) -> Option<Call> {
        self.unlink(position);
        self.entries.remove(position)
    }

    /// A call was put in its place.
    fn note(&mut self, position: Position, due: u64, alone: bool) {
        let sooner = self.soonest.is_some_and(|(_, soonest)| due < soonest);
        if sooner || alone {
            self.soonest = Some((position, due));
        }
    }

    /// A call leaves its place.
    fn unlink(&mut self, position: Position) {
        let first = self.wheels.unlink(&mut self.entries, position);
        if self.soonest.is_some_and(|(soonest, _)| soonest == position) {
            // What is in other lists comes after all of its own.
            self.soonest = first.map(|first| (first, self.entries[first].due));
        }
    }
}

/// The due time as it is compared; what is further away than 584 years never comes.
fn nanoseconds(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(time.subsec_nanos()))
}
