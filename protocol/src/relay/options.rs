//! The time limits of a relay, and what it does while its other side is not up.
//!
//! Invariant: the defaults are those that the command `ropewalk relay` tells.

use core::time::Duration;

use interfaces::KeepAliveTimes;

/// The options of a [`RelayFactory`](super::RelayFactory). A limit that is `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayOptions {
    /// How long both ways of a pair may be silent. Noticed at most a quarter of it later. Default
    /// 1 hour: a shorter one cuts long queries and terminals.
    pub idle: Option<Duration>,
    /// How long a pair may be silent of which one way has ended. Noticed at most a quarter of it later.
    /// Default 60 s.
    pub half_closed: Option<Duration>,
    /// How long a connection that is refused, unreachable or not answered is tried again, from the
    /// first try on, while the accepted side waits. `None` tries once. Default 1 s, which is about
    /// what a server needs to restart.
    pub retry: Option<Duration>,
    /// When a silent peer is probed, so that one that has vanished is noticed, on both sides, as far as
    /// they are TCP; `None` leaves the option of the sockets alone. Default: after 60 s, then four
    /// times 15 s apart.
    pub keep_alive: Option<KeepAliveTimes>,
}

impl RelayOptions {
    /// With another [`idle`](Self::idle) limit.
    #[must_use]
    pub fn with_idle(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// With another [`half_closed`](Self::half_closed) limit.
    #[must_use]
    pub fn with_half_closed(mut self, half_closed: Option<Duration>) -> Self {
        self.half_closed = half_closed;
        self
    }

    /// With another [`retry`](Self::retry) time.
    #[must_use]
    pub fn with_retry(mut self, retry: Option<Duration>) -> Self {
        self.retry = retry;
        self
    }

    /// With other [`keep_alive`](Self::keep_alive) times.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: Option<KeepAliveTimes>) -> Self {
        self.keep_alive = keep_alive;
        self
    }
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(60 * 60)),
            half_closed: Some(Duration::from_secs(60)),
            retry: Some(Duration::from_secs(1)),
            keep_alive: Some(KeepAliveTimes::default()),
        }
    }
}
