//! Fuzzes `IntDecoder` with 1, 2 and 4 bytes: what it accepts is what sending would have written.
//!
//! Invariant: the frames of a stream do not depend on its pieces.

use crate::decoded::decoded;
use crate::pieces::Pieces;
use protocol::receivers::{Int8Decoder, Int16Decoder, Int32Decoder, StringDecoder};

/// The longest string, in bytes.
const STRING_MAX: usize = 300;

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some(pieces) = Pieces::of(data) else { return };
    match pieces.choice % 3 {
        0 => check::<Int8Decoder>(&pieces),
        1 => check::<Int16Decoder>(&pieces),
        _ => check::<Int32Decoder>(&pieces),
    }
}

fn check<D: StringDecoder>(pieces: &Pieces<'_>) {
    let decoder = || D::default().with_max_length(STRING_MAX);
    let cut = decoded(decoder(), pieces.iter());
    assert_eq!(cut, decoded(decoder(), std::iter::once(pieces.bytes)), "in one piece");
    let (strings, failed, rest) = cut;
    let mut sent = Vec::new();
    for string in &strings {
        D::encode(string, &mut sent).expect("it has come behind such a length");
    }
    sent.extend_from_slice(&rest);
    match failed {
        false => assert_eq!(sent, pieces.bytes, "no byte is lost"),
        true => assert!(pieces.bytes.starts_with(&sent)),
    }
}
