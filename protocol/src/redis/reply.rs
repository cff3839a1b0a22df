//! The replies of RESP 2, as bytes.
//!
//! Invariant: each is one whole reply.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The bytes of a reply, or the text of an error.
pub(super) type Reply = Result<Vec<u8>, String>;

/// `+OK`.
pub(super) fn ok() -> Vec<u8> {
    b"+OK\r\n".to_vec()
}

/// There is no such text.
pub(super) fn nil() -> Vec<u8> {
    b"$-1\r\n".to_vec()
}

pub(super) fn integer(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into()
}

pub(super) fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

pub(super) fn array(parts: &[Vec<u8>]) -> Vec<u8> {
    [format!("*{}\r\n", parts.len()).into(), parts.concat()].concat()
}

pub(super) fn number(text: &[u8]) -> Option<i64> {
    str::from_utf8(text).ok()?.parse().ok()
}
