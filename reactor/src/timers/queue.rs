//! [`TimerQueue`]: what the reactor asks of its pending calls.
//!
//! Invariant: each pending call has one record in the heap that is not stale: the one with the number of its
//! entry.

use std::time::Duration;

use interfaces::NotPending;
use interfaces::delayed_call::TimerKey;

use super::TimerCallback;
use super::entries::Entries;
use super::heap::{Heap, Record};
use super::positions::Position;

/// Up to this length a full heap grows, however many of its records are stale.
const FEW: usize = 64;

pub(crate) struct TimerQueue {
    entries: Entries,
    heap: Heap,
    /// The number of calls that were asked for or moved.
    asked: u32,
    /// The value of `asked` when the last phase of due calls began.
    asked_before: u32,
}

impl TimerQueue {
    pub(crate) fn new() -> Self {
        Self { entries: Entries::new(), heap: Heap::default(), asked: 0, asked_before: 0 }
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

    /// The keys of the pending calls, in the order in which they run.
    pub(crate) fn keys(&self) -> Vec<TimerKey> {
        let mut records: Vec<Record> = self.entries.records().collect();
        records.sort_unstable_by_key(|record| (record.due, record.order));
        records.into_iter().map(|record| self.entries.key(record.position)).collect()
    }

    /// The time of the soonest call.
    pub(crate) fn next_time(&mut self) -> Option<Duration> {
        self.soonest().map(|record| Duration::from_nanos(record.due))
    }

    /// Begins a phase of due calls: calls that are asked for or moved from now on are not part of it.
    pub(crate) fn begin_phase(&mut self) {
        self.asked_before = self.asked;
    }

    /// Takes the soonest call, if it is due at `now` and was asked for before this phase.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<TimerCallback> {
        let soonest = self.soonest()?;
        if soonest.due > nanoseconds(now) || soonest.order >= self.asked_before {
            return None;
        }
        self.heap.drop_first();
        self.take(soonest.position)
    }

    pub(crate) fn time(&self, key: TimerKey) -> Option<Duration> {
        Some(Duration::from_nanos(self.entries.due(self.entries.find(key)?)))
    }

    /// Cancels a call; the caller drops it with nothing borrowed.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Result<TimerCallback, NotPending> {
        let position = self.entries.find(key).ok_or(NotPending)?;
        self.heap.drop_front_of(position);
        self.take(position).ok_or(NotPending)
    }

    /// Moves a call; among those for the same time it is now the last.
    pub(crate) fn set_time(&mut self, key: TimerKey, time: Duration) -> Result<(), NotPending> {
        let position = self.entries.find(key).ok_or(NotPending)?;
        let (due, order) = (nanoseconds(time), self.next_order());
        let record = Record { due, order, position };
        self.entries.change(record);
        self.heap.drop_front_of(position);
        self.enqueue(record);
        Ok(())
    }

    /// Takes all calls; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&mut self) -> Vec<TimerCallback> {
        self.heap = Heap::default();
        self.entries.take_all()
    }

    /// As if nearly all numbers were used up.
    #[cfg(test)]
    pub(super) fn ask_until_are_left(&mut self, left: u32) {
        self.asked = self.asked.max(Record::NUMBERS - left);
    }

    /// The record of the soonest call; stale records before it are removed.
    #[inline]
    fn soonest(&mut self) -> Option<Record> {
        loop {
            let first = self.heap.first()?;
            if self.entries.is_latest(first) {
                return Some(first);
            }
            self.heap.drop_first();
        }
    }

    /// Takes a call out of its entry; its record, if it is still in the heap, is stale from now on.
    fn take(&mut self, position: Position) -> Option<TimerCallback> {
        let call = self.entries.remove(position);
        if self.len() == 0 {
            if self.entries.give_back() {
                self.heap = Heap::default();
            }
            self.heap.clear();
        }
        call
    }

    /// Adds the record of a pending call. A full heap of which most is stale is cleaned instead of
    /// enlarged, so a clean-up costs each stale record a constant.
    fn enqueue(&mut self, record: Record) {
        if self.heap.is_full() && self.heap.len() > FEW && self.heap.len() > 2 * self.len() {
            self.heap.retain(|record| self.entries.is_latest(record));
        }
        self.heap.push(record);
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
        self.heap.refill(self.entries.records());
    }
}

/// A time as it is compared; one that is further away than 584 years never comes.
fn nanoseconds(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(time.subsec_nanos()))
}
