//! The server name in the first bytes of a client: rustls keeps it for its buffered connections alone.
//!
//! Invariant: the bytes are only looked at; rustls decides whether they are a ClientHello.

use std::borrow::Cow;

use rustls::pki_types::DnsName;

/// More bytes than this are not searched: each one that arrives late has the front read again.
const SEARCHED_BYTES_MAX: usize = 32 * 1024;
const RECORD_HEADER_BYTES: usize = 5;
const MESSAGE_HEADER_BYTES: usize = 4;
/// RFC 8446 sections 5.1 and 4, RFC 6066 section 3.
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const NAME_TYPE_HOST: u8 = 0;

/// The DNS name that the ClientHello at the front of `records` asks for, as [`canonical`]. `None` where it asks
/// for none, or is not whole.
pub(super) fn server_name(records: &[u8]) -> Option<Box<str>> {
    if records.len() > SEARCHED_BYTES_MAX {
        return None;
    }
    let message = first_message(records)?;
    let mut body = Fields(message.get(MESSAGE_HEADER_BYTES..)?);
    // Version and random, then the session, the cipher suites and the compression methods.
    body.take(2 + 32)?;
    body.vector8()?;
    body.vector16()?;
    body.vector8()?;
    let mut extensions = Fields(body.vector16()?);
    while !extensions.0.is_empty() {
        let (kind, value) = (extensions.number16()?, extensions.vector16()?);
        if kind == EXTENSION_SERVER_NAME {
            return host_name(value);
        }
    }
    None
}

/// A list of names has one, for hosts; an address there is none (RFC 6066 section 3).
fn host_name(extension: &[u8]) -> Option<Box<str>> {
    let mut list = Fields(Fields(extension).vector16()?);
    let kind = *list.take(1)?.first()?;
    let name = str::from_utf8(list.vector16()?).ok()?;
    let name = DnsName::try_from(name).ok().filter(|_| kind == NAME_TYPE_HOST)?;
    Some(canonical(&name))
}

/// A name in lower case, without the dot of the root.
pub(super) fn canonical(name: &DnsName<'_>) -> Box<str> {
    let name = name.as_ref();
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}

/// The first handshake message with its header, put together from as many records as it takes.
fn first_message(records: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (first, mut rest) = handshake_record(records)?;
    let &[CLIENT_HELLO, high, middle, low, ..] = first else { return None };
    let length = u32::from_be_bytes([0, high, middle, low]);
    let length = MESSAGE_HEADER_BYTES + usize::try_from(length).ok()?;
    if let Some(message) = first.get(..length) {
        return Some(message.into());
    }
    let mut message = first.to_vec();
    while message.len() < length {
        let (more, further) = handshake_record(rest)?;
        message.extend_from_slice(more);
        rest = further;
    }
    message.truncate(length);
    Some(message.into())
}

/// The payload of the first record, and the bytes behind it.
fn handshake_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[CONTENT_HANDSHAKE, _, _, high, low], rest) =
        records.split_first_chunk::<RECORD_HEADER_BYTES>()?
    else {
        return None;
    };
    rest.split_at_checked(u16::from_be_bytes([high, low]).into())
}

/// The fields of a message that are left.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    }

    /// A vector with its length in one byte.
    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(length.into())
    }

    /// A vector with its length in two bytes.
    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.number16()?;
        self.take(length.into())
    }
}

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::{Outgoing, Session};

    /// What rustls's client sends first to the server called `name`.
    fn hello(name: &str) -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(Arc::new(crate::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites of both")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = name.to_owned().try_into().expect("it is a name");
        let mut client =
            Session::client(Arc::new(config), name).expect("a configuration without a fault");
        let mut records = Outgoing::new();
        let received = client.receive(&mut [], &mut Vec::new(), &mut records);
        assert!(received.failure.is_none());
        records.to_vec()
    }

    /// The same message in records of at most `most` bytes.
    fn in_small_records(hello: &[u8], most: usize) -> Vec<u8> {
        let record = |piece: &[u8]| {
            let length = u16::try_from(piece.len()).expect("a short piece").to_be_bytes();
            [&[22, 3, 1], &length[..], piece].concat()
        };
        hello[5..].chunks(most).flat_map(record).collect()
    }

    #[test]
    fn the_name_is_read_across_records_of_any_size() {
        let hello = hello("A.Example");
        assert_eq!(server_name(&hello).as_deref(), Some("a.example"));
        for most in [4, 5, 7, 64, 500] {
            let records = in_small_records(&hello, most);
            assert_eq!(server_name(&records).as_deref(), Some("a.example"), "{most}");
        }
    }

    #[test]
    fn a_name_is_told_without_the_dot_of_the_root() {
        assert_eq!(server_name(&hello("a.example.")).as_deref(), Some("a.example"));
        assert_eq!(&*canonical(&DnsName::try_from("A.Example.").unwrap()), "a.example");
    }

    #[test]
    fn an_address_is_no_name() {
        assert_eq!(server_name(&hello("10.0.0.1")), None);
    }

    #[test]
    fn no_part_of_a_hello_and_no_damage_makes_it_panic_or_invent_a_name() {
        let hello = hello("a.example");
        for end in 0..hello.len() {
            assert_eq!(server_name(&hello[..end]), None, "{end}");
        }
        for place in 0..hello.len() {
            for byte in [0, 1, 0x16, 0x7f, 0xff] {
                let mut damaged = hello.clone();
                damaged[place] = byte;
                let name = server_name(&damaged);
                assert!(name.is_none_or(|name| DnsName::try_from(&*name).is_ok()));
            }
        }
    }
}
