//! The pending delayed calls, soonest first; Twisted's `_pendingTimedCalls`.
//!
//! A binary heap of due times beside a slab of closures that know their place in the heap, so that
//! a cancel or a reset moves one entry and leaves nothing behind: 48 bytes a call beside its
//! closure. Invariant: `heap[entry.position].entry` is that entry, for every entry.

use std::time::Duration;

use interfaces::{NotPending, TimerKey};
use slab::Slab;

pub(crate) type Call = Box<dyn FnOnce()>;

pub(crate) struct TimerQueue {
    heap: Vec<Due>,
    entries: Slab<Entry>,
    sequence: u64,
    generation: u32,
}

/// A due time; the sequence number keeps calls for the same time in the order of asking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    nanoseconds: u64,
    sequence: u64,
    entry: u32,
}

struct Entry {
    call: Call,
    generation: u32,
    position: u32,
}

impl TimerQueue {
    pub(crate) fn new() -> Self {
        Self { heap: Vec::new(), entries: Slab::new(), sequence: 0, generation: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn insert(&mut self, time: Duration, call: Call) -> TimerKey {
        self.generation = self.generation.wrapping_add(1);
        let position = index(self.heap.len());
        let generation = self.generation;
        let entry = index(self.entries.insert(Entry { call, generation, position }));
        let sequence = self.next_sequence();
        self.heap.push(Due { nanoseconds: nanoseconds(time), sequence, entry });
        self.rise(self.heap.len() - 1);
        TimerKey(u64::from(entry) | (u64::from(generation) << 32))
    }

    /// When the soonest call is due.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        self.heap.first().map(|due| Duration::from_nanos(due.nanoseconds))
    }

    /// A number that all calls asked for from now on pass, and none from before.
    pub(crate) fn mark(&self) -> u64 {
        self.sequence
    }

    /// Takes the soonest call, if it is due at `now` and was asked for before `mark`.
    pub(crate) fn pop_due(&mut self, now: Duration, mark: u64) -> Option<Call> {
        let due = *self.heap.first()?;
        if due.nanoseconds > nanoseconds(now) || due.sequence >= mark {
            return None;
        }
        Some(self.remove_at(0))
    }

    pub(crate) fn time(&self, key: TimerKey) -> Option<Duration> {
        let position = self.position(key).ok()?;
        Some(Duration::from_nanos(self.heap[position].nanoseconds))
    }

    /// Takes a call back; the caller drops it with nothing borrowed.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Result<Call, NotPending> {
        let position = self.position(key)?;
        Ok(self.remove_at(position))
    }

    pub(crate) fn set_time(&mut self, key: TimerKey, time: Duration) -> Result<(), NotPending> {
        let position = self.position(key)?;
        let sequence = self.next_sequence();
        let due = &mut self.heap[position];
        due.nanoseconds = nanoseconds(time);
        due.sequence = sequence;
        self.settle(position);
        Ok(())
    }

    /// Takes all calls; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&mut self) -> Vec<Call> {
        self.heap.clear();
        self.entries.drain().map(|entry| entry.call).collect()
    }

    fn next_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }

    fn position(&self, key: TimerKey) -> Result<usize, NotPending> {
        let generation = (key.0 >> 32) as u32;
        match self.entries.get((key.0 & u64::from(u32::MAX)) as usize) {
            Some(entry) if entry.generation == generation => Ok(entry.position as usize),
            Some(_) | None => Err(NotPending),
        }
    }

    fn remove_at(&mut self, position: usize) -> Call {
        let due = self.heap.swap_remove(position);
        if position < self.heap.len() {
            self.settle(position);
        }
        self.entries.remove(due.entry as usize).call
    }

    fn settle(&mut self, position: usize) {
        if !self.rise(position) {
            self.sink(position);
        }
    }

    /// Moves an entry towards the root; answers whether it moved.
    fn rise(&mut self, mut position: usize) -> bool {
        let start = position;
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.heap[parent] <= self.heap[position] {
                break;
            }
            self.heap.swap(parent, position);
            self.note(position);
            position = parent;
        }
        self.note(position);
        position != start
    }

    fn sink(&mut self, mut position: usize) {
        loop {
            let left = 2 * position + 1;
            let Some(mut child) = self.heap.get(left) else { break };
            let mut child_position = left;
            if let Some(right) = self.heap.get(left + 1)
                && right < child
            {
                child = right;
                child_position = left + 1;
            }
            if self.heap[position] <= *child {
                break;
            }
            self.heap.swap(position, child_position);
            self.note(position);
            position = child_position;
        }
        self.note(position);
    }

    fn note(&mut self, position: usize) {
        let entry = self.heap[position].entry as usize;
        self.entries[entry].position = index(position);
    }
}

/// The due time as the heap compares it; what is further away than 584 years never comes.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn index(index: usize) -> u32 {
    u32::try_from(index).expect("memory ends before four thousand million calls")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    /// A step of a small linear congruential generator: enough to vary the operations.
    fn next(state: &mut u64) -> u64 {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn a_million_operations_agree_with_an_ordered_map() {
        let mut queue = TimerQueue::new();
        let mut model = BTreeMap::<(u64, u64), TimerKey>::new();
        let mut places = BTreeMap::<TimerKey, (u64, u64)>::new();
        let fired = Rc::new(RefCell::new(None));
        let mut random = 7;
        let mut order = 0;
        for _ in 0..1_000_000 {
            let time = next(&mut random) % 1000;
            let known =
                places.keys().nth(next(&mut random) as usize % places.len().max(1)).copied();
            match (next(&mut random) % 5, known) {
                (0 | 1, _) if places.len() < 64 => {
                    let fired = Rc::clone(&fired);
                    let call = Box::new(move || *fired.borrow_mut() = Some(order));
                    let key = queue.insert(Duration::from_nanos(time), call);
                    model.insert((time, order), key);
                    places.insert(key, (time, order));
                    order += 1;
                }
                (2, Some(key)) => {
                    assert!(queue.cancel(key).is_ok());
                    assert!(queue.cancel(key).is_err());
                    model.remove(&places.remove(&key).expect("known"));
                }
                (3, Some(key)) => {
                    queue.set_time(key, Duration::from_nanos(time)).expect("known");
                    model.remove(&places[&key]);
                    model.insert((time, order), key);
                    places.insert(key, (time, order));
                    order += 1;
                }
                _ => {
                    let popped = queue.pop_due(Duration::from_nanos(time), u64::MAX);
                    let expected = model.first_key_value().map(|(place, key)| (*place, *key));
                    match expected.filter(|((due, _), _)| *due <= time) {
                        Some((place, key)) => {
                            popped.expect("one is due")();
                            assert!(fired.take().is_some());
                            assert_eq!(queue.time(key), None);
                            model.remove(&place);
                            places.remove(&key);
                        }
                        None => assert!(popped.is_none()),
                    }
                }
            }
            let next_time = model.first_key_value().map(|((due, _), _)| Duration::from_nanos(*due));
            assert_eq!(queue.next_time(), next_time);
            assert_eq!(queue.len(), places.len());
        }
    }

    #[test]
    fn a_call_asked_for_after_the_mark_waits_even_if_it_is_due() {
        let mut queue = TimerQueue::new();
        queue.insert(Duration::ZERO, Box::new(|| {}));
        let mark = queue.mark();
        queue.insert(Duration::ZERO, Box::new(|| {}));
        assert!(queue.pop_due(Duration::ZERO, mark).is_some());
        assert!(queue.pop_due(Duration::ZERO, mark).is_none());
        assert!(queue.pop_due(Duration::ZERO, queue.mark()).is_some());
    }

    #[test]
    fn a_delay_without_end_saturates() {
        let mut queue = TimerQueue::new();
        let key = queue.insert(Duration::MAX, Box::new(|| {}));
        assert!(queue.time(key).is_some_and(|time| time > Duration::from_secs(1 << 33)));
    }
}
