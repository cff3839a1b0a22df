//! The queue against an ordered map, and that a key names one call for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::delayed_call::TimerKey;

/// A step of a small linear congruential generator: enough to vary the operations.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn after(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}

/// The queue, and what it is compared with: calls by time and order, and the place of each.
struct Pair {
    queue: TimerQueue,
    model: BTreeMap<(u64, u64), TimerKey>,
    places: BTreeMap<TimerKey, (u64, u64)>,
    order: u64,
    ran: Rc<Cell<u64>>,
}

impl Pair {
    fn new() -> Self {
        let (model, places) = (BTreeMap::new(), BTreeMap::new());
        Self { queue: TimerQueue::new(), model, places, order: 0, ran: Rc::default() }
    }

    fn insert(&mut self, time: u64) {
        let (ran, number) = (self.ran.clone(), self.order);
        let key = self.queue.insert(after(time), Box::new(move || ran.set(number)));
        self.place(key, time);
    }

    fn place(&mut self, key: TimerKey, time: u64) {
        self.model.insert((time, self.order), key);
        self.places.insert(key, (time, self.order));
        self.order += 1;
    }

    fn cancel(&mut self, key: TimerKey) {
        assert!(self.queue.cancel(key).is_ok());
        assert!(self.queue.cancel(key).is_err());
        self.model.remove(&self.places.remove(&key).expect("known"));
    }

    fn set_time(&mut self, key: TimerKey, time: u64) {
        self.queue.set_time(key, after(time)).expect("known");
        self.model.remove(&self.places[&key]);
        self.place(key, time);
    }

    /// Takes the soonest call if it is due at `time`, and sees that it is the right one.
    fn pop(&mut self, time: u64) {
        self.queue.begin_phase();
        let first = self.model.first_key_value().map(|(place, key)| (*place, *key));
        let popped = self.queue.pop_due(after(time));
        match first.filter(|((due, _), _)| *due <= time) {
            Some((place, key)) => {
                popped.expect("one is due")();
                assert_eq!(self.queue.time(key), None, "the soonest is gone");
                self.model.remove(&place);
                self.places.remove(&key);
            }
            None => assert!(popped.is_none()),
        }
    }

    fn check(&mut self) {
        let next_time = self.model.first_key_value().map(|((due, _), _)| after(*due));
        assert_eq!(self.queue.next_time(), next_time);
        assert_eq!(self.queue.len(), self.places.len());
    }

    /// Random operations on at most `pending_max` calls, whose times have at most `bits` bits.
    fn operate(&mut self, operations: usize, bits: u64, pending_max: usize) {
        let mut random = bits + pending_max as u64;
        for _ in 0..operations {
            let spread = next(&mut random) % (bits + 1);
            let time = (next(&mut random) << 31 | next(&mut random)) % (1 << spread);
            let about = (next(&mut random) << 31 | next(&mut random)) % (1 << bits);
            let known = self.model.range((about, 0)..).next().or(self.model.first_key_value());
            match (next(&mut random) % 8, known.map(|(_, key)| *key)) {
                (0..=3, _) if self.places.len() < pending_max => self.insert(time),
                (4, Some(key)) => self.cancel(key),
                (5 | 6, Some(key)) => self.set_time(key, time),
                _ => self.pop(time),
            }
            if !next(&mut random).is_multiple_of(4) {
                self.check();
            }
        }
    }

    /// Takes all calls that are left, each in its turn.
    fn empty(&mut self) {
        while !self.places.is_empty() {
            self.pop(u64::MAX);
        }
        self.check();
    }
}

#[test]
fn a_million_operations_agree_with_an_ordered_map() {
    for (bits, pending_max) in [(3, 40), (10, 64), (24, 300), (40, 300), (63, 300)] {
        let mut pair = Pair::new();
        pair.operate(200_000, bits, pending_max);
        pair.empty();
    }
}

#[test]
fn many_calls_agree_with_an_ordered_map_also_when_most_are_for_few_times() {
    for bits in [0, 3, 12, 20, 36, 61] {
        let mut pair = Pair::new();
        for number in 0..10_000 {
            pair.insert(number * 7_919 % (1 << bits));
        }
        pair.operate(50_000, bits, 20_000);
        pair.empty();
    }
}

#[test]
fn the_order_is_kept_when_there_are_no_more_numbers_for_it() {
    for bits in [2, 12, 36] {
        let mut pair = Pair::new();
        for before in [10, 1_000, 5_000] {
            pair.queue.ask_until_are_left(before);
            pair.operate(20_000, bits, 300);
        }
        pair.empty();
    }
}

#[test]
fn a_phase_goes_on_when_there_are_no_more_numbers() {
    let mut queue = TimerQueue::new();
    queue.ask_until_are_left(3);
    let [_, _, moved] = [(); 3].map(|()| queue.insert(Duration::ZERO, Box::new(|| {})));
    queue.begin_phase();
    queue.insert(Duration::ZERO, Box::new(|| {}));
    queue.set_time(moved, Duration::ZERO).expect("pending");
    assert!(queue.pop_due(Duration::ZERO).is_some());
    assert!(queue.pop_due(Duration::ZERO).is_some());
    assert!(queue.pop_due(Duration::ZERO).is_none(), "it was moved in this phase");
    assert_eq!(queue.len(), 2);
}

#[test]
fn a_call_asked_for_or_moved_in_a_phase_waits_even_if_it_is_due() {
    let mut queue = TimerQueue::new();
    queue.insert(Duration::ZERO, Box::new(|| {}));
    let moved = queue.insert(Duration::ZERO, Box::new(|| {}));
    queue.begin_phase();
    queue.insert(Duration::ZERO, Box::new(|| {}));
    assert!(queue.pop_due(Duration::ZERO).is_some());
    queue.set_time(moved, Duration::ZERO).expect("pending");
    assert!(queue.pop_due(Duration::ZERO).is_none());
    queue.begin_phase();
    assert!(queue.pop_due(Duration::ZERO).is_some());
    assert!(queue.pop_due(Duration::ZERO).is_some());
    assert_eq!(queue.len(), 0);
}

#[test]
fn a_delay_without_end_saturates() {
    let mut queue = TimerQueue::new();
    let key = queue.insert(Duration::MAX, Box::new(|| {}));
    assert!(queue.time(key).is_some_and(|time| time > Duration::from_secs(1 << 33)));
    assert!(queue.next_time().is_some_and(|time| time > Duration::from_secs(1 << 33)));
}

#[test]
fn no_key_comes_again_not_even_after_the_storage_was_given_back() {
    let (mut queue, mut keys, mut count) = (TimerQueue::new(), BTreeSet::new(), 0);
    for round in 0..20 {
        let calls = 500 * (round % 5 + 1);
        let mut pending = Vec::new();
        for _ in 0..calls {
            pending.push(queue.insert(Duration::ZERO, Box::new(|| {})));
        }
        count += calls;
        keys.extend(pending.iter().copied());
        for key in pending {
            assert!(queue.cancel(key).is_ok());
        }
        assert!(keys.iter().all(|key| queue.time(*key).is_none()));
    }
    assert_eq!(keys.len(), count);
}

#[test]
fn a_crowd_that_is_taken_back_leaves_the_way_to_the_next_call_free() {
    let (mut queue, mut random, last) = (TimerQueue::new(), 1, 1 << 40);
    let crowd = (0..3_000).map(|_| after(next(&mut random) % 4_096));
    let crowd: Vec<_> = crowd.map(|time| queue.insert(time, Box::new(|| {}))).collect();
    queue.insert(after(last), Box::new(|| {}));
    assert!(queue.next_time() < Some(after(4_096)));
    for key in crowd {
        assert!(queue.cancel(key).is_ok());
    }
    assert_eq!(queue.next_time(), Some(after(last)));
}

#[test]
fn a_crowd_for_one_range_of_time_comes_out_in_order() {
    const CROWD: u64 = 200_000;
    let mut queue = TimerQueue::new();
    let ran = Rc::new(Cell::new(None));
    for number in 0..CROWD {
        let ran = ran.clone();
        let time = number * 7_919 % CROWD;
        queue.insert(after(1_000_000 + time), Box::new(move || ran.set(Some(time))));
    }
    queue.begin_phase();
    for time in 0..CROWD {
        assert_eq!(queue.next_time(), Some(after(1_000_000 + time)));
        queue.pop_due(after(2_000_000)).expect("one is due")();
        assert_eq!(ran.take(), Some(time));
    }
    assert_eq!(queue.next_time(), None);
}
