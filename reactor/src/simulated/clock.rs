//! The virtual clock and what is to happen.
//!
//! Invariant: what happens at the same time happens in the order in which it was planned, and the
//! clock never goes back.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::ids::{ConnectionId, EndId, Source};
use super::nanos::Nanos;

/// What a poll that has not to wait costs: time passes for a program that is never idle, too, and
/// the network goes on.
const TICK: Nanos = Nanos(1_000);

/// Something that the network does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A connection's request reaches the server; how often it was sent before.
    Request(ConnectionId, u32),
    /// The server's answer reaches the client.
    Established(ConnectionId),
    /// The server's refusal reaches the client.
    Refused(ConnectionId),
    /// The client has asked often enough.
    GivenUp(ConnectionId),
    /// The next segment that this end sent arrives at the other.
    Segment(EndId),
    /// A report that was held back is due.
    Report(Source),
    /// A report for no reason is due.
    Spurious(Source),
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Nanos,
    /// What takes no time, in the order of planning, which is that of time, too.
    at_once: VecDeque<Planned>,
    /// The rest; the first one is on top.
    later: BinaryHeap<Planned>,
    count: u64,
}

#[derive(Debug)]
struct Planned {
    /// The time, and below it the number, which no other one has.
    order: u128,
    happening: Happening,
}

impl Planned {
    #[inline]
    fn time(&self) -> Nanos {
        Nanos((self.order >> 64) as u64)
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is first is the greatest, for that is what the heap has on top.
impl Ord for Planned {
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

    /// Plans for `time`; what is past happens at once, which is in the next poll.
    #[inline]
    pub(super) fn plan(&mut self, time: Nanos, happening: Happening) {
        let order = u128::from(time.max(self.now).0) << 64 | u128::from(self.count);
        let planned = Planned { order, happening };
        self.count += 1;
        if time <= self.now {
            self.at_once.push_back(planned);
        } else {
            self.later.push(planned);
        }
    }

    /// When the next thing happens.
    #[inline]
    pub(super) fn next(&self) -> Option<Nanos> {
        self.at_once.front().max(self.later.peek()).map(Planned::time)
    }

    /// The next thing whose time has come.
    #[inline]
    pub(super) fn take_due(&mut self) -> Option<Happening> {
        let (at_once, later) = (self.at_once.front(), self.later.peek());
        let taken = if at_once > later {
            self.at_once.pop_front()
        } else if later.is_some_and(|first| first.time() <= self.now) {
            self.later.pop()
        } else {
            None
        };
        taken.map(|planned| planned.happening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_then_of_planning() {
        let mut clock = Clock::default();
        let at = Nanos;
        clock.plan(at(2), Happening::Established(ConnectionId(3)));
        clock.plan(at(1), Happening::Established(ConnectionId(1)));
        clock.plan(at(1), Happening::Established(ConnectionId(2)));
        assert_eq!(clock.take_due(), None);
        assert_eq!(clock.next(), Some(at(1)));
        clock.advance_to(at(5));
        clock.advance_to(at(4));
        assert_eq!(clock.now(), at(5));
        for expected in 1..=3 {
            assert_eq!(clock.take_due(), Some(Happening::Established(ConnectionId(expected))));
        }
        assert_eq!((clock.take_due(), clock.next()), (None, None));
    }

    #[test]
    fn what_takes_no_time_comes_between_what_was_planned_for_before_and_for_later() {
        let mut clock = Clock::default();
        for (time, number) in [(6, 4), (5, 1)] {
            clock.plan(Nanos(time), Happening::Established(ConnectionId(number)));
        }
        clock.advance_to(Nanos(5));
        // What is past counts as what is now.
        clock.plan(Nanos(5), Happening::Established(ConnectionId(2)));
        clock.plan(Nanos(3), Happening::Established(ConnectionId(3)));
        clock.plan(Nanos(6), Happening::Established(ConnectionId(5)));
        assert_eq!(clock.next(), Some(Nanos(5)));
        clock.advance_to(Nanos(6));
        clock.plan(Nanos(6), Happening::Established(ConnectionId(6)));
        for expected in 1..=6 {
            assert_eq!(clock.take_due(), Some(Happening::Established(ConnectionId(expected))));
        }
        assert_eq!((clock.take_due(), clock.next()), (None, None));
    }
}
