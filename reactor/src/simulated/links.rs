//! Latency, buffers and segments: the ranges, and the link of one connection.
//!
//! Invariant: a connection's link stays as the seed chose it when the connection began.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::chance::Chance;
use super::choices::Choices;
use super::connection::Family;
use super::kind::ChoiceKind;
use super::nanos::Nanos;

/// The ranges from which the seed chooses each connection's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The latency of TCP segments and UDP datagrams; UNIX sockets have none. Default 20 µs to 2 ms.
    pub latency: RangeInclusive<Duration>,
    /// Bytes of each of the two buffers of each direction. Default 64 bytes to 64 KiB, each
    /// doubling as likely as the others.
    pub buffer: RangeInclusive<usize>,
    /// Bytes of a connection's largest segment. Default 16 bytes to 16 KiB, likewise.
    pub segment: RangeInclusive<usize>,
    /// Bytes per second of each direction of a TCP connection. Default without a limit, which is `u64::MAX`.
    pub bandwidth: RangeInclusive<u64>,
}

/// Any number of bytes per second.
const UNLIMITED: RangeInclusive<u64> = u64::MAX..=u64::MAX;

impl Links {
    /// As on the loopback interface: no latency, and buffers and segments of 64 KiB.
    ///
    /// # Examples
    ///
    /// A network without faults and delays, for measuring a program's own speed:
    ///
    /// ```
    /// use ropewalk_reactor::simulated::{Faults, Links, Simulated};
    ///
    /// let network = Simulated::new(7);
    /// network.set_faults(Faults::none());
    /// network.set_links(Links::loopback());
    /// ```
    pub const fn loopback() -> Self {
        const BYTES: RangeInclusive<usize> = RangeInclusive::new(64 * 1024, 64 * 1024);
        let latency = RangeInclusive::new(Duration::ZERO, Duration::ZERO);
        Self { latency, buffer: BYTES, segment: BYTES, bandwidth: UNLIMITED }
    }
}

impl Default for Links {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(20)..=Duration::from_millis(2),
            buffer: 64..=64 * 1024,
            segment: 16..=16 * 1024,
            bandwidth: UNLIMITED,
        }
    }
}

/// The link of one connection.
#[derive(Debug)]
pub(super) struct Link {
    family: Family,
    latency_least: Nanos,
    /// The most that is added to it.
    latency_spread: Nanos,
    segment_bytes_max: usize,
    bytes_per_second: u64,
}

/// The delay until a lost segment is sent again (RFC 6298's lower bound on Linux).
const RETRANSMISSION: Nanos = Nanos(200_000_000);

impl Link {
    pub(super) fn chosen(links: &Links, family: Family, choices: &mut Choices) -> Self {
        let base = match family {
            Family::Unix => 0,
            Family::Tcp => choices.duration(ChoiceKind::Latency, &links.latency).0,
        };
        // Per-connection base latency, ±25 % jitter per segment.
        let (latency_least, latency_spread) = (Nanos(base - base / 4), Nanos(base / 4 * 2));
        let (least, most) = (*links.bandwidth.start(), *links.bandwidth.end());
        let bytes_per_second =
            most - choices.up_to(ChoiceKind::Bandwidth, most.saturating_sub(least));
        Self {
            family,
            bytes_per_second,
            latency_least,
            latency_spread,
            segment_bytes_max: choices.size(ChoiceKind::SegmentMax, &links.segment),
        }
    }

    #[inline]
    pub(super) fn latency(&self, choices: &mut Choices) -> Nanos {
        self.latency_least
            .saturating_add(Nanos(choices.up_to(ChoiceKind::Jitter, self.latency_spread.0)))
    }

    /// The delay of a segment, which TCP may have to send twice.
    #[inline]
    pub(super) fn delay(&self, stall: Chance, choices: &mut Choices) -> Nanos {
        let delay = self.latency(choices);
        let stalls = self.family == Family::Tcp && choices.happens(ChoiceKind::Stall, stall);
        if stalls { delay.saturating_add(RETRANSMISSION) } else { delay }
    }

    /// The time that this number of bytes takes the link.
    #[inline]
    pub(super) fn transmission(&self, bytes: usize) -> Nanos {
        if self.bytes_per_second == u64::MAX || self.family == Family::Unix {
            return Nanos::ZERO;
        }
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        Nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The size of the next segment when `bytes` are to be sent.
    #[inline]
    pub(super) fn segment(&self, bytes: usize, choices: &mut Choices) -> usize {
        choices.piece(ChoiceKind::Segment, self.segment_bytes_max).min(bytes)
    }
}
