//! [`ClientHello`]: the server name and the protocols that a TLS client asks for.
//!
//! Invariant: a name is lower-case ASCII of the letters that host names have, so it can go to a log as it is.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::InvalidClientHello;
use super::bytes::Bytes;

/// The protocol of ACME's validation over TLS (RFC 8737).
pub const ACME_TLS_1: &[u8] = b"acme-tls/1";

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const HOST_NAME: u8 = 0;

/// The most bytes of a host name (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 255;

/// The parts of a ClientHello (RFC 8446, section 4.1.2) that choose a server. The first bytes of a connection
/// behind an [`SniServerEndpoint`](super::SniServerEndpoint) answer a
/// [`query`](trait.Transport.html#method.query) with it. A clone shares its texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello {
    /// The host name of SNI (RFC 6066, section 3) in lower case, without a dot at its end; `None` for a client
    /// that sends none.
    pub server_name: Option<Rc<str>>,
    /// The protocols of ALPN (RFC 7301), in the client's order.
    pub protocols: Vec<Rc<[u8]>>,
}

impl ClientHello {
    /// Whether the client offers this protocol.
    pub fn offers(&self, protocol: &[u8]) -> bool {
        self.protocols.iter().any(|offered| **offered == *protocol)
    }

    /// Reads the body of the message, without its four bytes of type and length.
    pub(super) fn read(body: &[u8]) -> Result<Self, InvalidClientHello> {
        Self::read_fields(Bytes(body)).ok_or(InvalidClientHello::Malformed)?
    }

    /// `None` where a length leads beyond the end.
    fn read_fields(mut body: Bytes<'_>) -> Option<Result<Self, InvalidClientHello>> {
        let (_version, _random) = (body.take(2)?, body.take(32)?);
        let (_session, _suites, _compressions) =
            (body.vector8()?, body.vector16()?, body.vector8()?);
        let mut hello = Self::default();
        if body.is_empty() {
            return Some(Ok(hello));
        }
        let mut extensions = body.vector16()?;
        if !body.is_empty() {
            return None;
        }
        let (mut has_name, mut has_protocols) = (false, false);
        while !extensions.is_empty() {
            let (kind, value) = (extensions.number16()?, extensions.vector16()?);
            let seen = match kind {
                SERVER_NAME => &mut has_name,
                ALPN => &mut has_protocols,
                _ => continue,
            };
            if core::mem::replace(seen, true) {
                return Some(Err(InvalidClientHello::Twice));
            }
            match kind {
                SERVER_NAME => match server_name(value)? {
                    Ok(name) => hello.server_name = Some(name),
                    Err(error) => return Some(Err(error)),
                },
                _ => hello.protocols = protocols(value)?,
            }
        }
        Some(Ok(hello))
    }
}

fn server_name(mut value: Bytes<'_>) -> Option<Result<Rc<str>, InvalidClientHello>> {
    let mut list = value.vector16()?;
    let (kind, name) = (list.number8()?, list.vector16()?);
    if !value.is_empty() || !list.is_empty() || kind != HOST_NAME {
        return None;
    }
    Some(host_name(name.0).ok_or(InvalidClientHello::Name))
}

/// The name in lower case, if it can be one.
pub(super) fn host_name(name: &[u8]) -> Option<Rc<str>> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(is_letter);
    let name = core::str::from_utf8(name).ok().filter(|_| is_name)?;
    Some(name.to_ascii_lowercase().into())
}

fn protocols(mut value: Bytes<'_>) -> Option<Vec<Rc<[u8]>>> {
    let mut list = value.vector16()?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        protocols.push(list.vector8()?.0.into());
    }
    value.is_empty().then_some(protocols)
}
