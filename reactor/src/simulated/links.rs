//! What the wires are like, and the one that a connection got.
//!
//! Invariant: a connection's wire stays as the seed chose it when the connection began.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::chance::Dice;
use super::connection::Kind;

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
    latency: RangeInclusive<Duration>,
    segment_bytes_max: usize,
}

impl Link {
    pub(super) fn chosen(links: &Links, kind: Kind, dice: &mut Dice) -> Self {
        let latency = match kind {
            Kind::Unix => Duration::ZERO..=Duration::ZERO,
            Kind::Tcp => {
                let base = dice.duration(&links.latency);
                // Each connection has its distance, and a quarter more or less of it by the day.
                base - base / 4..=base + base / 4
            }
        };
        Self { latency, segment_bytes_max: dice.size(&links.segment) }
    }

    pub(super) fn latency(&self, dice: &mut Dice) -> Duration {
        dice.duration(&self.latency)
    }

    /// How much of `bytes` the next segment takes.
    pub(super) fn segment(&self, bytes: usize, dice: &mut Dice) -> usize {
        dice.at_most(self.segment_bytes_max).min(bytes)
    }
}
