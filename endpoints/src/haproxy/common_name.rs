//! The common name of a certificate's subject (RFC 5280, sections 4.1.2.6 and 4.1; X.690).
//!
//! Invariant: what is not DER of that shape has no name; nothing panics.

use alloc::string::String;

/// Tags of DER.
mod tag {
    pub(super) const OBJECT_ID: u8 = 0x06;
    pub(super) const UTF8_STRING: u8 = 0x0c;
    pub(super) const PRINTABLE_STRING: u8 = 0x13;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    /// `[0]`, which a certificate's version has.
    pub(super) const EXPLICIT_0: u8 = 0xa0;
}

/// The object identifier of a common name: 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The last common name of the certificate's subject, which is the most specific one.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let mut certificate = Reader(Reader(certificate).content(tag::SEQUENCE)?);
    let mut fields = Reader(certificate.content(tag::SEQUENCE)?);
    if fields.0.first() == Some(&tag::EXPLICIT_0) {
        fields.next()?;
    }
    // Serial number, signature, issuer, validity.
    for _ in 0..4 {
        fields.next()?;
    }
    let mut names = Reader(fields.content(tag::SEQUENCE)?);
    let mut found = None;
    while !names.0.is_empty() {
        let mut attribute = Reader(Reader(names.content(tag::SET)?).content(tag::SEQUENCE)?);
        if attribute.content(tag::OBJECT_ID)? == COMMON_NAME {
            found = attribute.next().and_then(text).or(found);
        }
    }
    found
}

fn text((tag, content): (u8, &[u8])) -> Option<String> {
    let is_text = matches!(tag, tag::UTF8_STRING | tag::PRINTABLE_STRING);
    let text = core::str::from_utf8(content).ok().filter(|_| is_text);
    text.map(String::from)
}

/// Reads values of DER, each a tag, a length and its content.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let add = |length: usize, byte: &u8| length << 8 | usize::from(*byte);
                (bytes.iter().fold(0, add), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}
