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
    let mut certificate = DerReader(DerReader(certificate).content(tag::SEQUENCE)?);
    let mut fields = DerReader(certificate.content(tag::SEQUENCE)?);
    if fields.0.first() == Some(&tag::EXPLICIT_0) {
        fields.next()?;
    }
    // Serial number, signature, issuer, validity.
    for _ in 0..4 {
        fields.next()?;
    }
    let mut names = DerReader(fields.content(tag::SEQUENCE)?);
    let mut found = None;
    while !names.0.is_empty() {
        let mut attribute = DerReader(DerReader(names.content(tag::SET)?).content(tag::SEQUENCE)?);
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
struct DerReader<'a>(&'a [u8]);

impl<'a> DerReader<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let head = match length {
            0..=0x7f => alloc::vec![tag, length as u8],
            _ => alloc::vec![tag, 0x82, (length >> 8) as u8, length as u8],
        };
        [head, content.to_vec()].concat()
    }

    fn attribute(object: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
        let pair = [der(tag::OBJECT_ID, object), der(tag, text)].concat();
        der(tag::SET, &der(tag::SEQUENCE, &pair))
    }

    /// A certificate with this subject, with or without the field that tells its version.
    fn certificate(version: &[u8], subject: &[u8]) -> Vec<u8> {
        let empty = der(tag::SEQUENCE, &[]);
        let issuer = attribute(COMMON_NAME, tag::UTF8_STRING, b"the issuer");
        let issuer = der(tag::SEQUENCE, &issuer);
        let subject = der(tag::SEQUENCE, subject);
        let fields = [version, &der(2, &[1]), &empty, &issuer, &empty, &subject, &empty].concat();
        der(tag::SEQUENCE, &[der(tag::SEQUENCE, &fields), empty].concat())
    }

    #[test]
    fn the_last_common_name_of_the_subject_is_found_among_its_attributes() {
        let organization = attribute(&[0x55, 0x04, 0x0a], tag::UTF8_STRING, b"Ropes");
        let general = attribute(COMMON_NAME, tag::PRINTABLE_STRING, b"general");
        let long = attribute(COMMON_NAME, tag::UTF8_STRING, &[b'n'; 200]);
        let version = der(tag::EXPLICIT_0, &[2, 1, 2]);
        for (subject, expected) in [
            ([&organization[..], &general].concat(), Some("general".into())),
            ([&general[..], &organization].concat(), Some("general".into())),
            ([&general[..], &long].concat(), Some("n".repeat(200))),
            (organization.clone(), None),
            (Vec::new(), None),
        ] {
            for version in [&version[..], &[]] {
                assert_eq!(common_name(&certificate(version, &subject)), expected);
            }
        }
    }

    #[test]
    fn what_is_cut_short_has_no_name() {
        let whole = certificate(&[], &attribute(COMMON_NAME, tag::UTF8_STRING, b"name"));
        for length in 0..whole.len() {
            assert_eq!(common_name(&whole[..length]), None);
        }
    }
}
