//! The one line that a client asks with, as finger and ident have it.
//!
//! Invariant: no more than the limit and one read is held, however the line is cut.

use alloc::vec::Vec;

/// Collects the bytes of one line.
#[derive(Debug)]
pub(super) struct RequestLine {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_over: bool,
}

/// What the bytes so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestProgress {
    /// The line has no end yet, or was answered before.
    Waiting,
    /// The line, without its end.
    Line(Vec<u8>),
    /// It is longer than the limit.
    TooLong,
}

impl RequestLine {
    /// A line of at most `bytes_max` bytes without its end.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, is_over: false }
    }

    /// Takes bytes; those behind the line are dropped. Lines end with LF, and a CR before it is no part
    /// of them.
    pub(super) fn push(&mut self, data: &[u8]) -> RequestProgress {
        if self.is_over {
            return RequestProgress::Waiting;
        }
        let (piece, is_whole) = match data.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&data[..end], true),
            None => (data, false),
        };
        // A CR may be the last byte of the piece, and no part of the line.
        if self.bytes.len() + piece.len() > self.bytes_max + 1 {
            self.is_over = true;
            return RequestProgress::TooLong;
        }
        self.bytes.extend_from_slice(piece);
        if !is_whole {
            return RequestProgress::Waiting;
        }
        self.is_over = true;
        let mut line = core::mem::take(&mut self.bytes);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > self.bytes_max {
            return RequestProgress::TooLong;
        }
        RequestProgress::Line(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_same_however_it_is_cut() {
        let text = b"somebody\r\nmore";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut line = RequestLine::new(8);
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let found: Vec<_> = pieces
                    .iter()
                    .map(|piece| line.push(piece))
                    .filter(|progress| *progress != RequestProgress::Waiting)
                    .collect();
                assert_eq!(found, [RequestProgress::Line(b"somebody".to_vec())]);
            }
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_refused_once_with_and_without_its_end() {
        for text in [&b"ninebytes\n"[..], b"ninebytes\r\n", b"ninebytes for ever"] {
            let mut line = RequestLine::new(8);
            let found: Vec<_> = text.chunks(1).map(|byte| line.push(byte)).collect();
            let refused = found.iter().filter(|it| **it == RequestProgress::TooLong).count();
            assert_eq!((refused, found.len()), (1, text.len()), "{found:?}");
            assert!(line.bytes.capacity() < 64);
        }
    }
}
