//! The head of an answer of HTTP/1 (RFC 9112): its status, its reason, and the schemes of a 407.
//!
//! Invariant: it reads the head alone, and no field but `Proxy-Authenticate`.

use alloc::string::String;

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 100;

/// What every answer begins with.
const VERSION: &[u8] = b"HTTP/1.";

/// The head of an answer.
#[derive(Debug)]
pub(super) struct AnswerHead<'a> {
    pub(super) status: u16,
    reason: &'a [u8],
    fields: &'a [u8],
}

/// Whether bytes are, as far as they go, the beginning of an answer.
pub(super) fn may_be_answer(bytes: &[u8]) -> bool {
    bytes.iter().zip(VERSION).all(|(byte, wanted)| byte == wanted)
}

impl<'a> AnswerHead<'a> {
    /// Reads a whole head: lines that end with LF, with or without CR before it.
    pub(super) fn parse(head: &'a [u8]) -> Option<Self> {
        let end = head.iter().position(|byte| *byte == b'\n')?;
        let (line, fields) = (without_cr(&head[..end]), &head[end + 1..]);
        let rest = line.strip_prefix(VERSION)?;
        let [minor, b' ', digits @ ..] = rest.first_chunk::<5>()? else { return None };
        if !minor.is_ascii_digit() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        let reason = match &rest[5..] {
            [] => &[][..],
            [b' ', reason @ ..] => reason,
            _ => return None,
        };
        Some(Self { status, reason, fields })
    }

    /// The proxy's words, cut where they are long.
    pub(super) fn reason(&self) -> String {
        let length = self.reason.len().min(REASON_BYTES_MAX);
        String::from_utf8_lossy(&self.reason[..length]).into_owned()
    }

    /// The first words of the fields `Proxy-Authenticate`: the schemes that the proxy takes.
    pub(super) fn schemes(&self) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.fields.split(|byte| *byte == b'\n').map(without_cr);
        lines.filter_map(challenge).filter_map(|value| {
            let is_end = |byte: &u8| b" \t,".contains(byte);
            value.split(is_end).next().filter(|scheme| !scheme.is_empty())
        })
    }
}

/// The value of a field `Proxy-Authenticate`.
fn challenge(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let is_ours = line[..colon].eq_ignore_ascii_case(b"proxy-authenticate");
    is_ours.then(|| line[colon + 1..].trim_ascii_start())
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The length of the head with its empty line, if it is whole. `from` is where a search before this one has ended.
pub(super) fn head_length(bytes: &[u8], from: usize) -> Option<usize> {
    // The line feed of the line before may be two bytes back.
    let begin = from.saturating_sub(2);
    let ends = (begin..bytes.len()).filter(|at| bytes[*at] == b'\n');
    let mut ends = ends.map(|at| at + 1);
    ends.find(|end| matches!(bytes[*end..], [b'\n', ..] | [b'\r', b'\n', ..]))
        .map(|end| end + if bytes[end] == b'\n' { 1 } else { 2 })
}
