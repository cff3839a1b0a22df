//! Fuzzes `LineDecoder`: cut anywhere, it finds the lines that a simple search finds, and loses no byte.
//!
//! Invariant: the expected lines are found without the decoder.

use crate::decoded::decoded;
use crate::pieces::Pieces;
use protocol::receivers::LineDecoder;

/// The longest line, in bytes, without its delimiter.
const LINE_MAX: usize = 40;

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some(pieces) = Pieces::of(data) else { return };
    let delimiters: [&'static [u8]; 6] = [b"\r\n", b"\n", b"--", b"aab", b"\r\n\r\n", b"abcab"];
    let delimiter = delimiters[usize::from(pieces.choice) % delimiters.len()];
    let max_length = if pieces.choice < 128 { LINE_MAX } else { usize::MAX };
    let decoder = LineDecoder::new().with_delimiter(delimiter).with_max_length(max_length);
    let (lines, failed, rest) = decoded(decoder, pieces.iter());
    let mut left = pieces.bytes;
    for line in &lines {
        let end = find(left, delimiter).expect("a line was found");
        assert_eq!(&left[..end], line);
        left = &left[end + delimiter.len()..];
    }
    match failed {
        false => {
            assert_eq!(left, rest, "no byte is lost");
            assert_eq!(find(left, delimiter), None, "no line is left");
        }
        true => assert!(match find(left, delimiter) {
            Some(end) => end > max_length,
            None => left.len() >= max_length + delimiter.len(),
        }),
    }
}

fn find(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    bytes.windows(delimiter.len()).position(|window| window == delimiter)
}
