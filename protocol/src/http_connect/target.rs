//! The destination that a proxy of HTTP is asked for, as the request has it (RFC 9112, section 3.2.3).
//!
//! Invariant: it has neither a space nor the end of a line.

use alloc::format;
use alloc::string::String;
use core::net::IpAddr;

use super::HttpConnectError;

/// The longest name, as DNS has it with its last dot.
const NAME_BYTES_MAX: usize = 254;

/// `host:port`, with an IPv6 address in brackets.
///
/// # Errors
///
/// [`HttpConnectError::BadHost`] for a text that is neither an address nor letters, digits, `-`, `_` and `.`.
pub(super) fn authority(host: &str, port: u16) -> Result<String, HttpConnectError> {
    let bare = host.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(host);
    match bare.parse() {
        Ok(IpAddr::V4(ip)) => Ok(format!("{ip}:{port}")),
        Ok(IpAddr::V6(ip)) => Ok(format!("[{ip}]:{port}")),
        Err(_) if is_name(host) => Ok(format!("{host}:{port}")),
        Err(_) => Err(HttpConnectError::BadHost { host: host.into() }),
    }
}

fn is_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !host.is_empty() && host.len() <= NAME_BYTES_MAX && host.bytes().all(is_allowed)
}
