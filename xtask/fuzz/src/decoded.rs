//! A stream through a decoder.
//!
//! Invariant: nothing is read behind an error.

use protocol::receivers::Decoder;

/// The frames before the first error, whether there was one, and the bytes of a frame that has begun.
pub(crate) fn decoded<'a, D: Decoder>(
    mut decoder: D,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, bool, Vec<u8>) {
    let mut frames = Vec::new();
    for piece in pieces {
        let mut input = piece;
        while let Some(frame) = decoder.next_frame(&mut input) {
            match frame {
                Ok(frame) => frames.push(frame.to_vec()),
                Err(_) => return (frames, true, Vec::new()),
            }
        }
        assert!(input.is_empty(), "without a frame all is taken");
    }
    (frames, false, decoder.take_rest())
}
