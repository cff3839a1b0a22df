//! Questions for SRV records and their answers as DNS messages (RFC 1035 section 4, RFC 2782, RFC 6891).
//!
//! Invariant: reading a name ends, for each pointer leads to an earlier byte than the one before.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::ServiceRecord;

const TYPE_SRV: u16 = 33;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;

/// The bytes of an answer that passes every usual network whole (DNS Flag Day 2020).
pub(super) const ANSWER_BYTES_MAX: u16 = 1232;

const IS_ANSWER: u16 = 0x8000;
const IS_TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;

/// An answer to the question that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Records(Vec<ServiceRecord>),
    /// It has more bytes than a datagram may have.
    Truncated,
    NoSuchName,
    /// The server's own error, by its number (RFC 1035 section 4.1.1).
    Failed(u8),
}

/// A question for the SRV records of a name, or `None` if DNS cannot hold the name.
pub(super) fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(name.len() + 40);
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 1] {
        message.extend(word.to_be_bytes());
    }
    let start = message.len();
    for label in plain(name).split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    if message.len() - start > 255 {
        return None;
    }
    for word in [TYPE_SRV, CLASS_IN] {
        message.extend(word.to_be_bytes());
    }
    // The record that says how long an answer may be.
    message.push(0);
    for word in [TYPE_OPT, ANSWER_BYTES_MAX, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    Some(message)
}

/// Reads a message; `None` if it is not an answer to this question.
pub(super) fn answer(message: &[u8], id: u16, name: &str) -> Option<Answer> {
    let mut reader = Reader { message, at: 0 };
    let [got, flags, questions, answers, _, _] = reader.words()?;
    if got != id || flags & IS_ANSWER == 0 || questions != 1 {
        return None;
    }
    let asked = reader.name()?;
    let [kind, class] = reader.words()?;
    if !asked.eq_ignore_ascii_case(plain(name)) || (kind, class) != (TYPE_SRV, CLASS_IN) {
        return None;
    }
    match (flags & IS_TRUNCATED != 0, (flags & 0xf) as u8) {
        (true, _) => Some(Answer::Truncated),
        (false, 0) => records(reader, answers).map(Answer::Records),
        (false, 3) => Some(Answer::NoSuchName),
        (false, code) => Some(Answer::Failed(code)),
    }
}

/// The SRV records; others, as the CNAME that led to them, are left out.
fn records(mut reader: Reader<'_>, count: u16) -> Option<Vec<ServiceRecord>> {
    let mut records = Vec::new();
    for _ in 0..count {
        reader.name()?;
        let [kind, class, _, _, length] = reader.words()?;
        let end =
            reader.at.checked_add(length.into()).filter(|end| *end <= reader.message.len())?;
        if (kind, class) == (TYPE_SRV, CLASS_IN) {
            let [priority, weight, port] = reader.words()?;
            let target = reader.name()?;
            if reader.at != end {
                return None;
            }
            records.push(ServiceRecord { priority, weight, port, target });
        }
        reader.at = end;
    }
    Some(records)
}

/// Without the dot at the end.
fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn words<const N: usize>(&mut self) -> Option<[u16; N]> {
        let bytes = self.message.get(self.at..)?.get(..2 * N)?;
        self.at += 2 * N;
        Some(core::array::from_fn(|n| u16::from_be_bytes([bytes[2 * n], bytes[2 * n + 1]])))
    }

    /// A name with dots between its labels, empty for the root.
    fn name(&mut self) -> Option<String> {
        let (mut name, mut at, mut earliest) = (String::new(), self.at, self.at);
        let mut end = None;
        loop {
            let length = usize::from(*self.message.get(at)?);
            match length {
                0 => {
                    self.at = end.unwrap_or(at + 1);
                    return Some(name);
                }
                1..=63 => {
                    let label = self.message.get(at + 1..)?.get(..length)?;
                    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'.';
                    if !label.iter().all(is_plain) || name.len() + length > 254 {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().map(|byte| char::from(*byte)));
                    at += 1 + length;
                }
                0xc0.. => {
                    let low = usize::from(*self.message.get(at + 1)?);
                    end = end.or(Some(at + 2));
                    at = (length & 0x3f) << 8 | low;
                    if at >= earliest {
                        return None;
                    }
                    earliest = at;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const NAME: &str = "_a._tcp.b.example";

    /// The answer of a name server to the question: its flags, and its records as they stand.
    fn answered(flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut message = question(7, NAME).expect("a name");
        message.truncate(message.len() - 11);
        message[2..4].copy_from_slice(&(IS_ANSWER | flags).to_be_bytes());
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        message[10..12].copy_from_slice(&[0, 0]);
        records.iter().for_each(|record| message.extend_from_slice(record));
        message
    }

    fn srv(data: &[u8]) -> Vec<u8> {
        let mut record = vec![0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.len() as u8];
        record.extend_from_slice(data);
        record
    }

    #[test]
    fn a_question_has_the_name_the_type_and_the_length_of_its_answer() {
        let message = question(0x1234, "_a._tcp.b.").expect("a name");
        let expected = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x02_a\x04_tcp\x01b\0\0\x21\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
        assert_eq!(message, expected);
        for name in ["", "a..b", &"a".repeat(64), &"a.".repeat(128)] {
            assert_eq!(question(1, name), None, "{name}");
        }
    }

    #[test]
    fn records_are_read_with_whole_and_shortened_names_and_others_are_skipped() {
        let cname = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 20];
        let whole = srv(b"\0\x01\0\x02\0\x50\x01h\x03net\0");
        // The name in the question is at 12, its last two labels at 20.
        let short = srv(b"\0\x03\0\x04\0\x51\x01h\xc0\x14");
        let message = answered(0, &[&cname, &whole, &short]);
        let expected = vec![
            ServiceRecord::new("h.net", 80).with_rank(1, 2),
            ServiceRecord::new("h.b.example", 81).with_rank(3, 4),
        ];
        assert_eq!(answer(&message, 7, "_A._tcp.B.example."), Some(Answer::Records(expected)));
        let none = answered(0, &[&srv(b"\0\0\0\0\0\0\0")]);
        let not_offered = vec![ServiceRecord::new("", 0)];
        assert_eq!(answer(&none, 7, NAME), Some(Answer::Records(not_offered)));
    }

    #[test]
    fn errors_and_cut_answers_are_told() {
        assert_eq!(answer(&answered(3, &[]), 7, NAME), Some(Answer::NoSuchName));
        assert_eq!(answer(&answered(2, &[]), 7, NAME), Some(Answer::Failed(2)));
        assert_eq!(answer(&answered(IS_TRUNCATED, &[]), 7, NAME), Some(Answer::Truncated));
        assert_eq!(answer(&answered(0, &[]), 7, NAME), Some(Answer::Records(Vec::new())));
    }

    #[test]
    fn what_answers_another_question_is_no_answer() {
        let message = answered(0, &[]);
        assert_eq!(answer(&message, 8, NAME), None);
        assert_eq!(answer(&message, 7, "_a._tcp.c.example"), None);
        assert_eq!(answer(&question(7, NAME).expect("a name"), 7, NAME), None);
    }

    #[test]
    fn no_message_is_read_past_its_end_and_no_name_turns_in_circles() {
        let record = srv(b"\0\x01\0\x02\0\x50\x01h\xc0\x14");
        let message = answered(0, &[&record]);
        for end in 0..message.len() {
            assert_eq!(answer(&message[..end], 7, NAME), None, "{end}");
        }
        // A pointer to itself, one forward, a label of a reserved form, a name that is not all there is.
        for data in [&b"\0\0\0\0\0\0\xc0\x35"[..], b"\0\0\0\0\0\0\xc0\xff", b"\0\0\0\0\0\0\x80\0"] {
            assert_eq!(answer(&answered(0, &[&srv(data)]), 7, NAME), None, "{data:?}");
        }
        assert_eq!(answer(&answered(0, &[&srv(b"\0\0\0\0\0\0\0\0")]), 7, NAME), None);
        // Any byte may be any other.
        for at in 0..message.len() {
            for byte in 0..=255 {
                let mut changed = message.clone();
                changed[at] = byte;
                let _ = answer(&changed, 7, NAME);
            }
        }
    }
}
