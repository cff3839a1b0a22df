//! Time in the network: a moment since its zero, or a duration.
//!
//! Invariant: additions and conversions saturate at the largest number, some 585 years; none wraps.

use std::time::Duration;

/// A number of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nanos(pub(super) u64);

impl Nanos {
    pub(super) const ZERO: Self = Self(0);

    #[inline]
    pub(super) fn saturating_add(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(Nanos(nanos): Nanos) -> Self {
        Self::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_the_longest() {
        assert_eq!(Nanos::from(Duration::MAX).saturating_add(Nanos(1)), Nanos(u64::MAX));
        let day = Duration::from_secs(86_400) + Duration::from_nanos(1);
        assert_eq!(Duration::from(Nanos::from(day)), day);
    }
}
