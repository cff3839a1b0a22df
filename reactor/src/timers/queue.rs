//! What the reactor asks of its pending calls.
//!
//! Invariant: `soonest`, if it is known, is the call that is due first.

use std::time::Duration;

use interfaces::NotPending;
use interfaces::delayed_call::TimerKey;

use super::TimerCallback;
use super::entries::Entries;
use super::places::Position;
use super::records::Record;
use super::wheels::Wheels;

/// So many records may be out of date, beside as many as calls are pending and an eighth of the
/// entries: it takes that many to be worth a walk through all entries.
const OUT_OF_DATE_MAX: usize = 1024;

pub(crate) struct TimerQueue {
    entries: Entries,
    wheels: Wheels,
    soonest: Option<Record>,
    /// How many calls were asked for or moved.
    asked: u32,
    /// How many of them before the phase of due calls that began last.
    asked_before: u32,
}

impl TimerQueue {
    pub(crate) fn new() -> Self {
        Self {
            entries: Entries::new(),
            wheels: Wheels::new(),
            soonest: None,
            asked: 0,
            asked_before: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.pending()
    }

    pub(crate) fn insert(&mut self, time: Duration, call: TimerCallback) -> TimerKey {
        let (due, order) = (nanoseconds(time), self.next_order());
        let (position, key) = self.entries.insert(due, order, call);
        self.enqueue(Record { due, order, position });
        key
    }

    /// When the soonest call is due.
    pub(crate) fn next_time(&mut self) -> Option<Duration> {
        self.soonest().map(|record| Duration::from_nanos(record.due))
    }

    /// Begins a phase of due calls: what is asked for or moved from now on is not part of it.
    pub(crate) fn begin_phase(&mut self) {
        self.asked_before = self.asked;
    }

    /// Takes the soonest call, if it is due at `now` and was asked for before this phase.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<TimerCallback> {
        let soonest = self.soonest()?;
        if soonest.due > nanoseconds(now) || soonest.order >= self.asked_before {
            return None;
        }
        self.soonest = None;
        self.take(soonest.position)
    }

    pub(crate) fn time(&self, key: TimerKey) -> Option<Duration> {
        Some(Duration::from_nanos(self.entries.due(self.entries.find(key)?)))
    }

    /// Takes a call back; the caller drops it with nothing borrowed.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Result<TimerCallback, NotPending> {
        let position = self.entries.find(key).ok_or(NotPending)?;
        self.invalidate(position);
        self.take(position).ok_or(NotPending)
    }

    /// Moves a call; among those for the same time it is now the last.
    pub(crate) fn set_time(&mut self, key: TimerKey, time: Duration) -> Result<(), NotPending> {
        let position = self.entries.find(key).ok_or(NotPending)?;
        let (due, order) = (nanoseconds(time), self.next_order());
        let record = Record { due, order, position };
        self.entries.change(record);
        self.invalidate(position);
        self.enqueue(record);
        Ok(())
    }

    /// Takes all calls; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&mut self) -> Vec<TimerCallback> {
        self.wheels = Wheels::new();
        self.soonest = None;
        self.entries.take_all()
    }

    /// As if nearly all numbers were used up.
    #[cfg(test)]
    pub(super) fn ask_until_are_left(&mut self, left: u32) {
        self.asked = self.asked.max(Record::NUMBERS - left);
    }

    fn soonest(&mut self) -> Option<Record> {
        if self.soonest.is_none() {
            self.soonest = self.wheels.first(&self.entries);
        }
        self.soonest
    }

    fn take(&mut self, position: Position) -> Option<TimerCallback> {
        let call = self.entries.remove(position);
        if self.len() == 0 && self.entries.give_back() {
            self.wheels = Wheels::new();
        }
        call
    }

    /// A call is not due any more when it was.
    fn invalidate(&mut self, position: Position) {
        if self.soonest.is_some_and(|soonest| soonest.position == position) {
            self.soonest = None;
        }
    }

    /// Puts the record of a pending call into the wheels.
    fn enqueue(&mut self, record: Record) {
        if self.len() == 1 || self.soonest.is_some_and(|soonest| record.due < soonest.due) {
            self.soonest = Some(record);
        }
        if self.wheels.len() < 2 * self.len() + self.entries.len() / 8 + OUT_OF_DATE_MAX {
            self.wheels.insert(record);
        } else {
            self.rebuild_wheels();
        }
    }

    /// Puts records of all pending calls into the wheels, and no others.
    #[cold]
    fn rebuild_wheels(&mut self) {
        self.wheels.clear();
        self.entries.records().for_each(|record| self.wheels.insert(record));
    }

    fn next_order(&mut self) -> u32 {
        if self.asked == Record::NUMBERS {
            self.renumber();
        }
        let order = self.asked;
        self.asked += 1;
        order
    }

    /// Gives all pending calls lower numbers, in the same order.
    #[cold]
    fn renumber(&mut self) {
        let mut pending: Vec<Record> = self.entries.records().collect();
        pending.sort_unstable_by_key(|record| record.order);
        let asked_before = self.asked_before;
        self.asked_before = pending.partition_point(|record| record.order < asked_before) as u32;
        self.asked = 0;
        for record in pending {
            self.entries.change(Record { order: self.asked, ..record });
            self.asked += 1;
        }
        self.soonest = None;
        self.rebuild_wheels();
    }
}

/// The due time as it is compared; what is further away than 584 years never comes.
fn nanoseconds(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(time.subsec_nanos()))
}
