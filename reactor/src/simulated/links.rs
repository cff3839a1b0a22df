//! What the wires are like, and the one that a connection got.
//!
//! Invariant: a connection's wire stays as the seed chose it when the connection began.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::chance::{Chance, Dice};
use super::connection::Kind;
use super::nanos::Nanos;

/// The ranges from which the seed chooses each connection's wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// How long a segment is under way, for TCP; UNIX sockets take no time. Default 20 µs to 2 ms.
    pub latency: RangeInclusive<Duration>,
    /// Bytes of each of the two buffers of each direction. Default 64 bytes to 64 KiB, each
    /// doubling as likely as the others.
    pub buffer: RangeInclusive<usize>,
    /// Bytes of a connection's largest segment. Default 16 bytes to 16 KiB, likewise.
    pub segment: RangeInclusive<usize>,
}

impl Links {
    /// As on the loopback interface: nothing takes time, and buffers and segments hold 64 KiB.
    ///
    /// # Examples
    ///
    /// A network that does nothing but carry, for a program whose own speed is of interest:
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
        Self { latency, buffer: BYTES, segment: BYTES }
    }
}

impl Default for Links {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(20)..=Duration::from_millis(2),
            buffer: 64..=64 * 1024,
            segment: 16..=16 * 1024,
        }
    }
}

/// One connection's wire.
#[derive(Debug)]
pub(super) struct Link {
    kind: Kind,
    latency_least: Nanos,
    /// How much more it may be.
    latency_spread: Nanos,
    segment_bytes_max: usize,
}

/// How long a lost segment takes to be sent again (RFC 6298's lower bound on Linux).
const RETRANSMISSION: Nanos = Nanos(200_000_000);

impl Link {
    pub(super) fn chosen(links: &Links, kind: Kind, dice: &mut Dice) -> Self {
        let base = match kind {
            Kind::Unix => 0,
            Kind::Tcp => dice.duration(&links.latency).0,
        };
        // Each connection has its distance, and a quarter more or less of it by the day.
        let (latency_least, latency_spread) = (Nanos(base - base / 4), Nanos(base / 4 * 2));
        Self { kind, latency_least, latency_spread, segment_bytes_max: dice.size(&links.segment) }
    }

    #[inline]
    pub(super) fn latency(&self, dice: &mut Dice) -> Nanos {
        self.latency_least.saturating_add(Nanos(dice.up_to(self.latency_spread.0)))
    }

    /// The latency of a segment, which TCP may have to send twice.
    #[inline]
    pub(super) fn delay(&self, stall: Chance, dice: &mut Dice) -> Nanos {
        let delay = self.latency(dice);
        let stalls = self.kind == Kind::Tcp && dice.happens(stall);
        if stalls { delay.saturating_add(RETRANSMISSION) } else { delay }
    }

    /// How much of `bytes` the next segment takes.
    #[inline]
    pub(super) fn segment(&self, bytes: usize, dice: &mut Dice) -> usize {
        dice.at_most(self.segment_bytes_max).min(bytes)
    }
}
