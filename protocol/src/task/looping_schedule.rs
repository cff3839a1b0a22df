//! [`Schedule`]: the times at which a looping call is due, and how many of them have passed; the
//! arithmetic of Twisted's `_scheduleFrom` and `_intervalOf`.
//!
//! ```text
//!   start          +1          +2          +3          +4     one tick at each whole interval
//!     ├───────────┼───────────┼───────────┼───────────┼──▶
//!                      ▲                      ▲
//!                      last run               now: one tick has passed since, one is to come
//! ```
//!
//! Invariant: ticks are whole intervals after the start, in whole nanoseconds, so after years of
//! running the next one is as exact as the first.

use core::time::Duration;

/// When a looping call is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    start: Duration,
    interval: Duration,
    counted: Counted,
}

/// The time up to which the ticks were counted.
#[derive(Clone, Copy, Debug)]
enum Counted {
    /// No tick, not even the one at the start: the first run is then.
    Nothing,
    /// The tick at the start does not count: the first run is an interval later.
    TheStart,
    /// All ticks up to this time.
    UpTo(Duration),
}

impl Schedule {
    /// The first run is at `start`.
    pub(super) fn from_start(start: Duration, interval: Duration) -> Self {
        Self { start, interval, counted: Counted::Nothing }
    }

    /// The first run is an interval after `start`.
    pub(super) fn after_start(start: Duration, interval: Duration) -> Self {
        Self { start, interval, counted: Counted::TheStart }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// The ticks have another distance, counted from the same start.
    pub(super) fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// The ticks are counted from `now`.
    pub(super) fn restarted(self, now: Duration) -> Self {
        Self { start: now, ..self }
    }

    /// How long it is to the first tick after `now`; nothing at all if there is no interval.
    pub(super) fn until_next(&self, now: Duration) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let into = now.saturating_sub(self.start).as_nanos() % self.interval.as_nanos();
        // The rest of an interval is no longer than one, so the conversion loses nothing.
        self.interval.saturating_sub(duration(into))
    }

    /// How many ticks have passed since they were counted last; these have been counted then. One
    /// if there is no interval.
    pub(super) fn count(&mut self, now: Duration) -> u64 {
        if self.interval.is_zero() {
            self.counted = Counted::UpTo(now);
            return 1;
        }
        let last = match self.counted {
            Counted::Nothing => -1,
            Counted::TheStart => 0,
            Counted::UpTo(last) => self.ticks_at(last),
        };
        let passed = u64::try_from((self.ticks_at(now) - last).max(0)).unwrap_or(u64::MAX);
        if passed > 0 {
            self.counted = Counted::UpTo(now);
        }
        passed
    }

    /// The number of whole intervals from the start to `time`; negative when that was before it.
    fn ticks_at(&self, time: Duration) -> i128 {
        let interval = self.interval.as_nanos();
        let whole = |distance: Duration| {
            i128::try_from(distance.as_nanos() / interval).unwrap_or(i128::MAX)
        };
        match time.checked_sub(self.start) {
            Some(since) => whole(since),
            None => -whole(self.start.saturating_sub(time)),
        }
    }
}

/// A `Duration` of this many nanoseconds; more than fit into one are not asked for.
fn duration(nanoseconds: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanoseconds / SECOND).unwrap_or(u64::MAX);
    Duration::from_secs(seconds) + Duration::from_nanos((nanoseconds % SECOND) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    #[test]
    fn a_century_of_thirds_of_a_second_ends_on_a_tick() {
        let third = Duration::from_nanos(333_333_333);
        let schedule = Schedule::from_start(Duration::from_nanos(7), third);
        for ticks in [1, 2, 1_000_000_007, 9_467_280_009] {
            let tick = duration(7 + 333_333_333 * ticks);
            assert_eq!(schedule.until_next(tick), third, "on a tick the next one is meant");
            let before = tick - Duration::from_nanos(1);
            assert_eq!(schedule.until_next(before), Duration::from_nanos(1));
            let after = tick + Duration::from_nanos(1);
            assert_eq!(schedule.until_next(after), third - Duration::from_nanos(1));
        }
    }

    #[test]
    fn a_nanosecond_is_an_interval_and_an_age_is_one_too() {
        let fine = Schedule::from_start(YEAR, Duration::from_nanos(1));
        assert_eq!(fine.until_next(YEAR * 500), Duration::from_nanos(1));
        let mut coarse = Schedule::after_start(YEAR, Duration::MAX);
        assert_eq!(coarse.until_next(YEAR * 2), Duration::MAX - YEAR);
        assert_eq!(coarse.count(YEAR * 2), 0);
        let mut fine = Schedule::after_start(Duration::ZERO, Duration::from_nanos(1));
        assert_eq!(fine.count(Duration::MAX), u64::MAX, "more than can be counted");
    }

    #[test]
    fn every_tick_is_counted_once_however_they_are_gathered() {
        let interval = Duration::from_millis(3);
        let mut schedule = Schedule::from_start(YEAR, interval);
        let (mut now, mut counted) = (YEAR, 0);
        for step in [0, 1, 2, 3, 4, 5, 8, 1, 1, 1, 100, 2, 7, 3, 3] {
            now += Duration::from_millis(step);
            counted += schedule.count(now);
        }
        let passed = (now - YEAR).as_nanos() / interval.as_nanos();
        assert_eq!(u128::from(counted), passed + 1, "the one at the start, too");
    }

    #[test]
    fn the_start_of_a_schedule_that_was_restarted_is_no_tick() {
        let second = Duration::from_secs(1);
        let mut schedule = Schedule::from_start(Duration::ZERO, second * 2);
        assert_eq!(schedule.count(Duration::ZERO), 1);
        let mut schedule = schedule.restarted(second);
        assert_eq!(schedule.until_next(second), second * 2);
        assert_eq!(schedule.count(second * 3), 1);
    }
}
