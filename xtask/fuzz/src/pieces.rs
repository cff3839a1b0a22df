//! An input of the fuzzer as a stream that arrives in pieces.
//!
//! Invariant: the pieces together are the bytes.

/// A stream, and where it is cut.
pub(crate) struct Pieces<'a> {
    /// A byte by which the target chooses what it does.
    pub(crate) choice: u8,
    cuts: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// The first byte is the choice, the second one the number of the cuts, and each cut the length of a
    /// piece.
    pub(crate) fn of(data: &'a [u8]) -> Option<Self> {
        let (&[choice, cuts], rest) = data.split_first_chunk()?;
        let (cuts, bytes) = rest.split_at_checked(usize::from(cuts % 16))?;
        Some(Self { choice, cuts, bytes })
    }

    /// The pieces: the lengths again and again, 0 for an empty one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut left = self.bytes;
        let mut at = 0;
        let is_cut = self.cuts.iter().any(|cut| *cut > 0);
        let cuts = self.cuts;
        std::iter::from_fn(move || {
            if left.is_empty() {
                return None;
            }
            let length = if is_cut { usize::from(cuts[at % cuts.len()]) } else { left.len() };
            at += 1;
            let (piece, rest) = left.split_at(length.min(left.len()));
            left = rest;
            Some(piece)
        })
    }
}
