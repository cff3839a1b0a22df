//! The few facts of a certificate that tell whose it is: issuer, subject, DNS names.
//!
//! Read RFC 5280 section 4.1 beside this file. Nothing is verified here: rustls does that. Invariant:
//! any bytes give a result, and no byte outside of them is looked at.

use rustls::pki_types::CertificateDer;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `[0]`, the version; `[3]`, the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[2]` of a GeneralName.
const DNS_NAME: u8 = 0x82;
/// The object identifier 2.5.29.17, with its tag and length.
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x11];

/// Facts of one certificate. Names of issuers and subjects are DER.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
    /// In lower case.
    pub(super) dns_names: Vec<String>,
}

impl Facts {
    /// Reads a certificate; `None` if it is not one.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (certificate, _) = expect(SEQUENCE, certificate)?;
        let (mut rest, _) = expect(SEQUENCE, certificate)?;
        if let Some((_, after)) = expect(VERSION, rest) {
            rest = after;
        }
        let (_, rest) = expect(INTEGER, rest)?;
        let (_algorithm, rest) = expect(SEQUENCE, rest)?;
        let (issuer, rest) = expect(SEQUENCE, rest)?;
        let (_validity, rest) = expect(SEQUENCE, rest)?;
        let (subject, rest) = expect(SEQUENCE, rest)?;
        let (_public_key, mut rest) = expect(SEQUENCE, rest)?;
        let mut dns_names = Vec::new();
        while let Some((tag, content, after)) = element(rest) {
            if tag == EXTENSIONS {
                dns_names = alternative_names(content).unwrap_or_default();
            }
            rest = after;
        }
        Some(Self { issuer: issuer.to_vec(), subject: subject.to_vec(), dns_names })
    }

    /// Whether it is its own issuer, as roots are.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// The DNS names among the extensions.
fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let (mut extensions, _) = expect(SEQUENCE, extensions)?;
    while let Some((extension, after)) = expect(SEQUENCE, extensions) {
        extensions = after;
        let Some(rest) = extension.strip_prefix(SUBJECT_ALT_NAME) else { continue };
        // Whether it is critical may stand before the value.
        let value = elements(rest).find(|(tag, _)| *tag == OCTET_STRING)?.1;
        let (names, _) = expect(SEQUENCE, value)?;
        let dns = elements(names).filter(|(tag, _)| *tag == DNS_NAME);
        let text = dns.filter_map(|(_, name)| std::str::from_utf8(name).ok());
        return Some(text.map(str::to_ascii_lowercase).collect());
    }
    None
}

fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, content, rest) = element(bytes)?;
        bytes = rest;
        Some((tag, content))
    })
}

/// The content of the first element, which must have this tag, and what follows it.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag and content of the first element, and what follows it. Lengths above 65535 do not occur in
/// certificates that TLS can carry to anybody.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = match bytes {
        [tag, length @ 0..=0x7f, rest @ ..] => (*tag, usize::from(*length), rest),
        [tag, 0x81, length, rest @ ..] => (*tag, usize::from(*length), rest),
        [tag, 0x82, high, low, rest @ ..] => {
            (*tag, usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_issuer_and_subject_are_read() {
        let names = ["A.example".to_owned(), "*.wild.example".to_owned(), "10.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let facts = Facts::of(own.cert.der()).unwrap();
        assert_eq!(facts.dns_names, ["a.example", "*.wild.example"]);
        assert!(facts.is_self_issued() && !facts.subject.is_empty());
    }

    #[test]
    fn no_part_of_a_certificate_and_no_damage_makes_it_panic() {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let der = own.cert.der().to_vec();
        for end in 0..der.len() {
            assert_eq!(Facts::of(&der[..end].into()), None);
        }
        for place in 0..der.len() {
            for byte in [0, 0x30, 0x7f, 0x81, 0x82, 0xff] {
                let mut damaged = der.clone();
                damaged[place] = byte;
                let _ = Facts::of(&damaged.into());
            }
        }
    }
}
