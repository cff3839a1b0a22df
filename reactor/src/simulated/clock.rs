//! The virtual clock and the queue of scheduled events.
//!
//! Invariant: events of the same time run in the order in which they were scheduled, and the clock never
//! goes back.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::datagram_flight::FlightId;
use super::ids::{ConnectionId, DatagramId, EndId, PartId, Source};
use super::nanos::Nanos;

/// The time that a poll takes at least, so that the network goes on under a program that is never
/// idle.
const TICK: Nanos = Nanos(1_000);

/// A step that the network takes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkEvent {
    /// A connection's request reaches the server; the number counts earlier attempts.
    Request(ConnectionId, u32),
    /// The server's answer reaches the client.
    Established(ConnectionId),
    /// The server's refusal reaches the client.
    Refused(ConnectionId),
    /// The client stops trying.
    GivenUp(ConnectionId),
    /// The next segment that this end sent arrives at the other.
    Segment(EndId),
    /// A datagram arrives.
    Datagram(FlightId),
    /// The network's answer to a datagram, an `errno`, reaches its sender.
    DatagramFailed(DatagramId, i32),
    /// A child takes its next step.
    Child(PartId),
    /// A piece of work for another thread is done.
    Work(u64),
    /// A report that was held back is due.
    Report(Source),
    /// A spurious report is due.
    Spurious(Source),
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Nanos,
    /// Events without a delay, in the order of scheduling, which is the order of time.
    at_once: VecDeque<Scheduled>,
    /// Events with a delay; the first is on top.
    later: BinaryHeap<Scheduled>,
    count: u64,
}

#[derive(Debug)]
struct Scheduled {
    /// The time in the upper half, and a number that no other event has in the lower.
    order: u128,
    event: NetworkEvent,
}

impl Scheduled {
    #[inline]
    fn time(&self) -> Nanos {
        Nanos((self.order >> 64) as u64)
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reversed, so that the heap has the first event on top.
impl Ord for Scheduled {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.order.cmp(&self.order)
    }
}

impl Clock {
    #[inline]
    pub(super) fn now(&self) -> Nanos {
        self.now
    }

    pub(super) fn tick(&mut self) {
        self.now = self.after(TICK);
    }

    /// Moves on to `time`, unless that is past.
    #[inline]
    pub(super) fn advance_to(&mut self, time: Nanos) {
        self.now = self.now.max(time);
    }

    /// The time when `delay` will have passed.
    #[inline]
    pub(super) fn after(&self, delay: Nanos) -> Nanos {
        self.now.saturating_add(delay)
    }

    /// Schedules an event for `time`; one in the past runs in the next poll.
    #[inline]
    pub(super) fn schedule(&mut self, time: Nanos, event: NetworkEvent) {
        let order = u128::from(time.max(self.now).0) << 64 | u128::from(self.count);
        let scheduled = Scheduled { order, event };
        self.count += 1;
        if time <= self.now {
            self.at_once.push_back(scheduled);
        } else {
            self.later.push(scheduled);
        }
    }

    /// The time of the next event.
    #[inline]
    pub(super) fn next(&self) -> Option<Nanos> {
        self.at_once.front().max(self.later.peek()).map(Scheduled::time)
    }

    /// Takes the next event that is due.
    #[inline]
    pub(super) fn take_due(&mut self) -> Option<NetworkEvent> {
        let (at_once, later) = (self.at_once.front(), self.later.peek());
        let taken = if at_once > later {
            self.at_once.pop_front()
        } else if later.is_some_and(|first| first.time() <= self.now) {
            self.later.pop()
        } else {
            None
        };
        taken.map(|scheduled| scheduled.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_then_of_planning() {
        let mut clock = Clock::default();
        let at = Nanos;
        clock.schedule(at(2), NetworkEvent::Established(ConnectionId(3)));
        clock.schedule(at(1), NetworkEvent::Established(ConnectionId(1)));
        clock.schedule(at(1), NetworkEvent::Established(ConnectionId(2)));
        assert_eq!(clock.take_due(), None);
        assert_eq!(clock.next(), Some(at(1)));
        clock.advance_to(at(5));
        clock.advance_to(at(4));
        assert_eq!(clock.now(), at(5));
        for expected in 1..=3 {
            assert_eq!(clock.take_due(), Some(NetworkEvent::Established(ConnectionId(expected))));
        }
        assert_eq!((clock.take_due(), clock.next()), (None, None));
    }

    #[test]
    fn what_takes_no_time_comes_between_what_was_planned_for_before_and_for_later() {
        let mut clock = Clock::default();
        for (time, number) in [(6, 4), (5, 1)] {
            clock.schedule(Nanos(time), NetworkEvent::Established(ConnectionId(number)));
        }
        clock.advance_to(Nanos(5));
        // A time in the past counts as now.
        clock.schedule(Nanos(5), NetworkEvent::Established(ConnectionId(2)));
        clock.schedule(Nanos(3), NetworkEvent::Established(ConnectionId(3)));
        clock.schedule(Nanos(6), NetworkEvent::Established(ConnectionId(5)));
        assert_eq!(clock.next(), Some(Nanos(5)));
        clock.advance_to(Nanos(6));
        clock.schedule(Nanos(6), NetworkEvent::Established(ConnectionId(6)));
        for expected in 1..=6 {
            assert_eq!(clock.take_due(), Some(NetworkEvent::Established(ConnectionId(expected))));
        }
        assert_eq!((clock.take_due(), clock.next()), (None, None));
    }
}
