//! ClientHellos, as a TLS client writes them (RFC 8446, section 4.1.2).
//!
//! Invariant: what is made here is well-formed; a test breaks it itself.

/// The extension with the server name.
pub(crate) fn server_name(name: &[u8]) -> Vec<u8> {
    let entry = [&[0][..], &vector16(name)].concat();
    extension(0, &vector16(&entry))
}

/// The extension with the protocols.
pub(crate) fn alpn(protocols: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = protocols.iter().flat_map(|protocol| vector8(protocol)).collect();
    extension(16, &vector16(&list))
}

/// The extension with a key of X25519MLKEM768, which has 1216 bytes.
pub(crate) fn post_quantum_key() -> Vec<u8> {
    let share = [&[0x11, 0xec][..], &vector16(&[0xa5; 1216])].concat();
    extension(51, &vector16(&share))
}

pub(crate) fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(value)].concat()
}

/// The message with these extensions.
pub(crate) fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
    body_message(&[&body_without_extensions()[..], &vector16(&extensions.concat())].concat())
}

pub(crate) fn body_without_extensions() -> Vec<u8> {
    let suites = [0x13, 0x01, 0x13, 0x02, 0xc0, 0x2f];
    [&[3, 3][..], &[0x5a; 32], &vector8(&[7; 32]), &vector16(&suites), &vector8(&[0])].concat()
}

pub(crate) fn body_message(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1][..], &length[1..], body].concat()
}

/// The message in records with at most this many bytes each.
pub(crate) fn records(message: &[u8], most: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1][..], &vector16(part)].concat();
    message.chunks(most).flat_map(record).collect()
}

/// The records of a client that asks for this name.
pub(crate) fn hello_for(name: &str) -> Vec<u8> {
    records(&message(&[extension(43, &[2, 3, 4]), server_name(name.as_bytes())]), 1 << 14)
}

fn vector8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

fn vector16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}
