//! The bytes that are sent, and those that must come back.
//!
//! Invariant: the offset alone determines a byte, so any piece can be generated and checked without the
//! ones before it.

use std::sync::OnceLock;

/// The period of a stream: a prime, so that no buffer's size divides it.
const PERIOD: usize = 65_521;

/// The most bytes that are generated or checked at once.
const SLICE: usize = 64 * 1024;

/// The length of one piece of a download; the servers have the same number.
pub(crate) const PIECE: usize = 64 * 1024;

/// The number of bytes of an upload that one byte acknowledges; the servers have the same number.
pub(crate) const UPLOAD: usize = 1024 * 1024;

/// The bytes of one direction of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A periodic stream with an offset, which differs between connections.
    Stream { first: usize },
    /// The servers' pattern, repeated.
    Pieces,
    /// The same few bytes, repeated.
    Fixed(Vec<u8>),
}

impl Content {
    /// The stream of the connection with this number.
    pub(crate) fn stream_of(connection: usize) -> Self {
        Self::Stream { first: connection.wrapping_mul(7919) % PERIOD }
    }

    /// The bytes from the offset `at` on: at least one, and not more than `most`.
    pub(crate) fn slice(&self, at: u64, most: usize) -> &[u8] {
        match self {
            Self::Stream { first } => {
                let start = (at % PERIOD as u64) as usize + first;
                &streams()[start % PERIOD..][..most.min(SLICE)]
            }
            Self::Pieces => within(pieces(), at, most),
            Self::Fixed(bytes) => within(bytes, at, most),
        }
    }

    /// Whether `data` equals the bytes from the offset `at` on.
    pub(crate) fn is_at(&self, mut at: u64, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            let due = self.slice(at, data.len());
            let (part, rest) = data.split_at(due.len());
            if part != due {
                return false;
            }
            at += part.len() as u64;
            data = rest;
        }
        true
    }
}

fn within(bytes: &[u8], at: u64, most: usize) -> &[u8] {
    let start = (at % bytes.len() as u64) as usize;
    let rest = &bytes[start..];
    &rest[..most.min(rest.len())]
}

fn streams() -> &'static [u8] {
    static STREAMS: OnceLock<Vec<u8>> = OnceLock::new();
    STREAMS.get_or_init(|| {
        let byte = |at: usize| {
            let mixed = (at % PERIOD) as u32;
            (mixed.wrapping_mul(2_654_435_761) >> 13) as u8
        };
        (0..PERIOD + SLICE).map(byte).collect()
    })
}

fn pieces() -> &'static [u8] {
    static PIECES: OnceLock<Vec<u8>> = OnceLock::new();
    let byte = |at: usize| (at.wrapping_mul(167).wrapping_add((at >> 8).wrapping_mul(13))) as u8;
    PIECES.get_or_init(|| (0..PIECE).map(byte).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_piece_by_piece_is_right_and_one_wrong_byte_is_seen() {
        let content = Content::stream_of(3);
        let mut made = Vec::new();
        while made.len() < 3 * PERIOD {
            made.extend_from_slice(content.slice(made.len() as u64, 1000));
        }
        assert!(content.is_at(0, &made));
        assert!(content.is_at(70_000, &made[70_000..]));
        assert!(!content.is_at(70_001, &made[70_000..]));
        made[100_000] ^= 1;
        assert!(!content.is_at(0, &made));
    }
}
