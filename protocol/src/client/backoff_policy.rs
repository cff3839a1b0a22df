//! [`BackoffPolicy`]: delays that grow with the failures in a row; Twisted's `backoffPolicy`.
//!
//! Invariant: the delay for a number of failures follows from it and from the jitter alone.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use super::random;

/// The most times that the factor is multiplied, so that a million failures are no work.
const POWER_MAX: u32 = 100;

/// How long a [`ClientService`](super::ClientService) waits after a number of failures in a row: the initial
/// delay, times the factor for each failure, at most the maximum, and then the jitter on top.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::time::Duration;
/// use protocol::client::BackoffPolicy;
///
/// let policy = BackoffPolicy::default().with_jitter(|| Duration::ZERO);
/// assert_eq!(policy.delay(1), Duration::from_millis(1500));
/// assert_eq!(policy.delay(2), Duration::from_millis(2250));
/// assert_eq!(policy.delay(1000), Duration::from_secs(60));
/// ```
#[doc(alias = "backoffPolicy")]
pub struct BackoffPolicy {
    initial_delay: Duration,
    max_delay: Duration,
    factor: f64,
    jitter: Option<Box<dyn Fn() -> Duration>>,
}

impl BackoffPolicy {
    /// With another initial delay; 1 s at first.
    #[must_use]
    pub fn with_initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// With another maximum, before the jitter; a minute at first.
    #[must_use]
    pub fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// With another factor; 1.5 at first.
    #[must_use]
    pub fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// With another jitter, which is called for each delay. At first it is spread evenly from none to a
    /// second, from a seed of the service's own.
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl Fn() -> Duration + 'static) -> Self {
        self.jitter = Some(Box::new(jitter));
        self
    }

    /// The delay after `failures` in a row. Without a [jitter](Self::with_jitter) of its own it has
    /// none: the service adds its own.
    pub fn delay(&self, failures: u32) -> Duration {
        let jitter = self.jitter.as_ref().map_or(Duration::ZERO, |jitter| jitter());
        self.plain_delay(failures).saturating_add(jitter)
    }

    /// This policy as a function, with a jitter from `random` where it has none of its own.
    pub(super) fn into_fn(mut self, random: random::RandomSource) -> impl Fn(u32) -> Duration {
        self.jitter.get_or_insert_with(|| Box::new(move || random::seconds(random())));
        move |failures| self.delay(failures)
    }

    fn plain_delay(&self, failures: u32) -> Duration {
        let max = self.max_delay.as_secs_f64();
        let mut delay = self.initial_delay.as_secs_f64();
        for _ in 0..failures.min(POWER_MAX) {
            delay *= self.factor;
        }
        random::seconds(delay.min(max))
    }
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        let (initial_delay, max_delay) = (Duration::from_secs(1), Duration::from_secs(60));
        Self { initial_delay, max_delay, factor: 1.5, jitter: None }
    }
}

impl fmt::Debug for BackoffPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackoffPolicy")
            .field("initial_delay", &self.initial_delay)
            .field("max_delay", &self.max_delay)
            .field("factor", &self.factor)
            .finish_non_exhaustive()
    }
}
