//! The virtual clock and what is to happen.
//!
//! Invariant: what happens at the same time happens in the order in which it was planned, and the
//! clock never goes back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::connection::EndId;
use super::nanos::Nanos;
use super::readiness::Source;

/// What a poll that has not to wait costs: time passes for a program that is never idle, too, and
/// the network goes on.
const TICK: Nanos = Nanos(1_000);

/// Something that the network does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A connection's request reaches the server; how often it was sent before.
    Request(u64, u32),
    /// The server's answer reaches the client.
    Established(u64),
    /// The server's refusal reaches the client.
    Refused(u64),
    /// The client has asked often enough.
    GivenUp(u64),
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
    /// The first one is on top.
    planned: BinaryHeap<Reverse<Planned>>,
    count: u64,
}

/// Compared by its time and then by its number, which no other one has.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    time: Nanos,
    number: u64,
    happening: Happening,
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
        self.planned.push(Reverse(Planned { time, number: self.count, happening }));
        self.count += 1;
    }

    /// When the next thing happens.
    #[inline]
    pub(super) fn next(&self) -> Option<Nanos> {
        self.planned.peek().map(|Reverse(first)| first.time)
    }

    /// The next thing whose time has come.
    #[inline]
    pub(super) fn take_due(&mut self) -> Option<Happening> {
        if self.next()? > self.now {
            return None;
        }
        self.planned.pop().map(|Reverse(first)| first.happening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_then_of_planning() {
        let mut clock = Clock::default();
        let at = Nanos;
        clock.plan(at(2), Happening::Established(3));
        clock.plan(at(1), Happening::Established(1));
        clock.plan(at(1), Happening::Established(2));
        assert_eq!(clock.take_due(), None);
        assert_eq!(clock.next(), Some(at(1)));
        clock.advance_to(at(5));
        clock.advance_to(at(4));
        assert_eq!(clock.now(), at(5));
        for expected in 1..=3 {
            assert_eq!(clock.take_due(), Some(Happening::Established(expected)));
        }
        assert_eq!((clock.take_due(), clock.next()), (None, None));
    }
}
