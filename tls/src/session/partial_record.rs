//! [`PartialRecord`]: the bytes of a record whose rest has not arrived.
//!
//! Invariant: it owns no memory when it is empty.

/// The most bytes that are kept: a handshake message of the largest size that rustls takes (64 KiB),
/// with its record headers and the bytes that one read can bring behind it.
pub(super) const KEPT_BYTES_MAX: usize = 256 * 1024;

/// The length of a record's header (RFC 8446 section 5.1).
const HEADER_BYTES: usize = 5;

/// The room for the rest of a record is at most this many times the bytes that are there: a peer that
/// sends little gets little room for what it promises.
const ROOM_FACTOR_MAX: usize = 4;

/// A record that is not complete, or records that hold a handshake message that is not complete.
#[derive(Default)]
pub(super) struct PartialRecord {
    bytes: Vec<u8>,
}

impl PartialRecord {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Keeps the unused bytes of a delivery. Called when it is empty.
    #[inline]
    pub(super) fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            let room = missing(rest).map_or(0, |missing| room_for(missing, rest.len()));
            self.bytes.reserve_exact(rest.len() + room);
            self.bytes.extend_from_slice(rest);
        }
    }

    /// Takes from `data` the bytes that complete the record, and returns the rest, which can be used in
    /// place. An empty one takes nothing.
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
            let room = room_for(missing, self.bytes.len());
            self.bytes.reserve_exact(room.max(end - taken));
            self.bytes.extend_from_slice(&data[taken..end]);
            taken = end;
        }
        if taken == 0 {
            // A complete record that is kept is a part of a handshake message, and rustls wants all of
            // that message in one piece.
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

/// The room to reserve for the missing bytes, so that those present are not moved when they come.
fn room_for(missing: usize, present: usize) -> usize {
    missing.min(ROOM_FACTOR_MAX * present)
}

/// How many bytes the header lacks, or else the first record; `None` when it is complete.
fn missing(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.get(..HEADER_BYTES) {
        None => HEADER_BYTES,
        Some(header) => HEADER_BYTES + usize::from(u16::from_be_bytes([header[3], header[4]])),
    };
    length.checked_sub(bytes.len()).filter(|missing| *missing > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_topped_up_to_its_end_and_no_further() {
        let mut partial = PartialRecord::default();
        partial.keep(&[23, 3]);
        let mut data = [3, 0, 2, 7, 8, 99, 98];
        assert_eq!(partial.top_up(&mut data), [99, 98]);
        assert_eq!(partial.bytes(), [23, 3, 3, 0, 2, 7, 8]);
    }

    #[test]
    fn a_header_alone_gets_no_room_for_what_it_promises() {
        let mut partial = PartialRecord::default();
        partial.keep(&[23, 3, 3, 0x40, 0]);
        assert!(partial.bytes.capacity() < 100);
        let mut half = vec![0; 8000];
        half[..5].copy_from_slice(&[23, 3, 3, 0x40, 0]);
        let mut other = PartialRecord::default();
        other.keep(&half);
        assert_eq!(other.bytes.capacity(), 5 + 0x4000);
    }

    #[test]
    fn an_empty_one_owns_nothing() {
        let mut partial = PartialRecord::default();
        partial.keep(&[1, 2, 3]);
        partial.discard(3);
        assert_eq!(partial.bytes.capacity(), 0);
    }
}
