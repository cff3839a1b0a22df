//! Fuzzes `NetstringDecoder`: what it accepts is what sending would have written, cut anywhere.
//!
//! Invariant: the frames of a stream do not depend on its pieces.

use crate::decoded::decoded;
use crate::pieces::Pieces;
use protocol::receivers::{NetstringDecoder, StringDecoder};

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some(pieces) = Pieces::of(data) else { return };
    let decoder = || NetstringDecoder::new().with_max_length(usize::from(pieces.choice) * 2);
    let cut = decoded(decoder(), pieces.iter());
    assert_eq!(cut, decoded(decoder(), std::iter::once(pieces.bytes)), "in one piece");
    let (strings, failed, rest) = cut;
    let mut sent = Vec::new();
    for string in &strings {
        assert!(string.len() <= usize::from(pieces.choice) * 2);
        NetstringDecoder::encode(string, &mut sent).expect("any length can be sent");
    }
    sent.extend_from_slice(&rest);
    match failed {
        false => assert_eq!(sent, pieces.bytes, "no byte is lost"),
        true => assert!(pieces.bytes.starts_with(&sent)),
    }
}
