//! [`ReconnectPolicy`]: the delays of a `ReconnectingClientFactory`, which are its class attributes in Twisted.
//!
//! Invariant: a delay is never longer than the maximum, jitter included.

use core::time::Duration;

use super::random::{self, RandomSource};

/// A delay that jitter makes shorter keeps this share at least, so that it cannot come to stay at zero.
const SHARE_MIN: f64 = 0.1;

/// How long a [`ReconnectingClientFactory`](super::ReconnectingClientFactory) waits, and how often it
/// tries. Each delay is the one before it times the factor, at most the maximum, and jittered.
///
/// # Differences from Twisted
///
/// - The maximum holds for the first delay too, and after the jitter.
/// - All values are set before the first attempt, so the initial delay is that of the first retry.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReconnectPolicy {
    /// The delay before the first retry. Default 1 s, as in Twisted.
    pub initial_delay: Duration,
    /// The longest delay. Default one hour, as in Twisted.
    pub max_delay: Duration,
    /// How much longer each delay is than the one before it. Default 2.718…, as in Twisted.
    pub factor: f64,
    /// The standard deviation of a delay, as a share of it; 0 is no jitter. Default 0.1196…, as in
    /// Twisted.
    pub jitter: f64,
    /// How many retries there are in a row; `None`, the default, is no limit.
    pub max_retries: Option<u32>,
}

impl ReconnectPolicy {
    /// With another [`initial_delay`](Self::initial_delay).
    #[must_use]
    pub fn with_initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// With another [`max_delay`](Self::max_delay).
    #[must_use]
    pub fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// With another [`factor`](Self::factor).
    #[must_use]
    pub fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// With another [`jitter`](Self::jitter).
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// With other [`max_retries`](Self::max_retries).
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: Option<u32>) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// The delay that is to be waited for where `delay` is due.
    pub(super) fn jittered(&self, delay: Duration, random: &RandomSource) -> Duration {
        let delay = delay.as_secs_f64();
        let drawn = match self.jitter > 0.0 {
            true => delay * (1.0 + self.jitter * random::normal(random)),
            false => delay,
        };
        random::seconds(drawn.max(delay * SHARE_MIN)).min(self.max_delay)
    }

    /// The delay that is due after `delay` was waited for.
    pub(super) fn next(&self, delay: Duration) -> Duration {
        random::seconds(delay.as_secs_f64() * self.factor).min(self.max_delay)
    }
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60 * 60),
            factor: core::f64::consts::E,
            // The molar Planck constant times the speed of light, in joule metres a mole.
            jitter: 0.119_626_565_582,
            max_retries: None,
        }
    }
}
