//! [`Remainder`]: the bytes that arrived and cannot be used yet.
//!
//! Invariant: it owns no memory when it is empty.

/// More than this is not kept: a handshake message of the largest size that rustls takes (64 KiB),
/// with the records around it and what a read can bring behind it.
pub(super) const LARGEST: usize = 256 * 1024;

/// The length of a record's header (RFC 8446 section 5.1).
const HEADER: usize = 5;

/// How many times what is there of a record the room for the rest of it may be: a peer that sends little
/// gets little room for what it promises.
const FORESIGHT: usize = 4;

/// A record that is not complete, or records that hold a handshake message that is not complete.
#[derive(Default)]
pub(super) struct Remainder {
    bytes: Vec<u8>,
}

impl Remainder {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Keeps what is left of the bytes of a delivery. Called when it is empty.
    #[inline]
    pub(super) fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            let room = missing(rest).map_or(0, |missing| foreseen(missing, rest.len()));
            self.bytes.reserve_exact(rest.len() + room);
            self.bytes.extend_from_slice(rest);
        }
    }

    /// Takes from `data` what completes the record, and gives back the rest, which can then be used
    /// where it is. An empty remainder takes nothing.
    #[inline]
    pub(super) fn top_up<'a>(&mut self, data: &'a mut [u8]) -> &'a mut [u8] {
        if self.is_empty() {
            return data;
        }
        let mut taken = 0;
        while let Some(missing) = missing(&self.bytes) {
            if taken == data.len() {
                break;
            }
            let end = data.len().min(taken + missing);
            let room = foreseen(missing, self.bytes.len());
            self.bytes.reserve_exact(room.max(end - taken));
            self.bytes.extend_from_slice(&data[taken..end]);
            taken = end;
        }
        if taken == 0 {
            // The record is complete, so it is a part of a handshake message: rustls wants that in
            // one piece with what follows.
            self.bytes.extend_from_slice(data);
            taken = data.len();
        }
        &mut data[taken..]
    }

    /// Drops the first `taken` bytes.
    pub(super) fn discard(&mut self, taken: usize) {
        if taken >= self.bytes.len() {
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..taken);
        }
    }
}

/// For how many of the missing bytes there is to be room, so that what is there need not be moved when
/// they come.
fn foreseen(missing: usize, present: usize) -> usize {
    missing.min(FORESIGHT * present)
}

/// How many bytes are missing before more is known or the first record is complete; `None` when it is
/// complete.
fn missing(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.get(..HEADER) {
        None => HEADER,
        Some(header) => HEADER + usize::from(u16::from_be_bytes([header[3], header[4]])),
    };
    length.checked_sub(bytes.len()).filter(|missing| *missing > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_topped_up_to_its_end_and_no_further() {
        let mut remainder = Remainder::default();
        remainder.keep(&[23, 3]);
        let mut data = [3, 0, 2, 7, 8, 99, 98];
        assert_eq!(remainder.top_up(&mut data), [99, 98]);
        assert_eq!(remainder.bytes(), [23, 3, 3, 0, 2, 7, 8]);
    }

    #[test]
    fn a_header_alone_gets_no_room_for_what_it_promises() {
        let mut remainder = Remainder::default();
        remainder.keep(&[23, 3, 3, 0x40, 0]);
        assert!(remainder.bytes.capacity() < 100);
        let mut half = vec![0; 8000];
        half[..5].copy_from_slice(&[23, 3, 3, 0x40, 0]);
        let mut other = Remainder::default();
        other.keep(&half);
        assert_eq!(other.bytes.capacity(), 5 + 0x4000);
    }

    #[test]
    fn an_empty_remainder_owns_nothing() {
        let mut remainder = Remainder::default();
        remainder.keep(&[1, 2, 3]);
        remainder.discard(3);
        assert_eq!(remainder.bytes.capacity(), 0);
    }
}
