//! [`Tlvs`]: the additions to a header of version 2, each with a type, a length and a value.
//!
//! Invariant: the bytes are whole TLVs, so that reading one cannot fail.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

use super::HeaderTooLong;

/// The types of TLVs that the specification names (section 2.2.7).
pub mod tlv_type {
    /// The protocol that ALPN chose.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for: the server name of TLS.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// To be ignored: padding.
    pub const NOOP: u8 = 0x04;
    /// A name of the connection, of at most 128 bytes.
    pub const UNIQUE_ID: u8 = 0x05;
    /// TLS between client and proxy; has TLVs of its own.
    pub const SSL: u8 = 0x20;
    /// In [`SSL`]: the version, such as `TLSv1.3`.
    pub const SSL_VERSION: u8 = 0x21;
    /// In [`SSL`]: the common name of the client's certificate.
    pub const SSL_CN: u8 = 0x22;
    /// In [`SSL`]: the cipher suite.
    pub const SSL_CIPHER: u8 = 0x23;
    /// In [`SSL`]: the algorithm that signed the client's certificate.
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// In [`SSL`]: the algorithm of the key of the client's certificate.
    pub const SSL_KEY_ALG: u8 = 0x25;
    /// The name of the proxy's network namespace.
    pub const NETNS: u8 = 0x30;
}

/// The most bytes of a [`UNIQUE_ID`](tlv_type::UNIQUE_ID).
pub const UNIQUE_ID_BYTES_MAX: usize = 128;

/// The bytes of a TLV before its value.
const HEAD_BYTES: usize = 3;

/// The TLVs of a header, in their order; a clone shares them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tlvs {
    bytes: Option<Rc<[u8]>>,
}

impl Tlvs {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more, behind the others.
    ///
    /// # Errors
    ///
    /// [`HeaderTooLong`] for a value of more than 65535 bytes.
    pub fn with(self, kind: u8, value: &[u8]) -> Result<Self, HeaderTooLong> {
        let mut bytes = self.as_bytes().to_vec();
        push(&mut bytes, kind, value)?;
        Ok(Self { bytes: Some(bytes.into()) })
    }

    /// With an [`SSL`](tlv_type::SSL), behind the others.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub fn with_ssl(self, ssl: SslTlv<'_>) -> Result<Self, HeaderTooLong> {
        let mut value = alloc::vec![ssl.client];
        value.extend(ssl.verify.to_be_bytes());
        value.extend(ssl.fields);
        self.with(tlv_type::SSL, &value)
    }

    /// The TLVs in `bytes`.
    ///
    /// # Errors
    ///
    /// The offset of one that does not end where the bytes end.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, usize> {
        let mut tlvs = Iter { bytes };
        while tlvs.next().is_some() {}
        match (tlvs.bytes, bytes) {
            ([], []) => Ok(Self::default()),
            ([], _) => Ok(Self { bytes: Some(bytes.into()) }),
            (rest, _) => Err(bytes.len() - rest.len()),
        }
    }

    /// As a header has them.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }

    /// Types and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        Iter { bytes: self.as_bytes() }
    }

    /// The value of the first one of this type.
    pub fn get(&self, kind: u8) -> Option<&[u8]> {
        find(self.as_bytes(), kind)
    }

    /// The protocol that the client and the proxy chose by ALPN.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.get(tlv_type::ALPN)
    }

    /// The host name that the client asked for, if it is UTF-8, as it has to be.
    pub fn authority(&self) -> Option<&str> {
        text(self.get(tlv_type::AUTHORITY))
    }

    /// The proxy's name of the connection.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.get(tlv_type::UNIQUE_ID)
    }

    /// TLS between the client and the proxy, if it was there.
    pub fn ssl(&self) -> Option<SslTlv<'_>> {
        let value = self.get(tlv_type::SSL)?;
        let (&[client, a, b, c, d], fields) = value.split_first_chunk()?;
        Some(SslTlv { client, verify: u32::from_be_bytes([a, b, c, d]), fields })
    }
}

impl fmt::Debug for Tlvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// TLS between a client and its proxy (section 2.2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SslTlv<'a> {
    /// [`CLIENT_SSL`](Self::CLIENT_SSL), [`CLIENT_CERT_CONN`](Self::CLIENT_CERT_CONN),
    /// [`CLIENT_CERT_SESS`](Self::CLIENT_CERT_SESS).
    pub client: u8,
    /// 0 if the client showed a certificate and the proxy has verified it.
    pub verify: u32,
    fields: &'a [u8],
}

impl<'a> SslTlv<'a> {
    /// The client connected over TLS.
    pub const CLIENT_SSL: u8 = 0x01;
    /// The client showed a certificate on this connection.
    pub const CLIENT_CERT_CONN: u8 = 0x02;
    /// The client showed a certificate when its session began.
    pub const CLIENT_CERT_SESS: u8 = 0x04;

    /// One whose TLVs are those of `fields`.
    pub fn new(client: u8, verify: u32, fields: &'a Tlvs) -> Self {
        Self { client, verify, fields: fields.as_bytes() }
    }

    /// The client has a certificate that the proxy has verified.
    pub fn is_verified(&self) -> bool {
        let certificate = Self::CLIENT_CERT_CONN | Self::CLIENT_CERT_SESS;
        self.client & certificate != 0 && self.verify == 0
    }

    /// The version, such as `TLSv1.3`.
    pub fn version(&self) -> Option<&'a str> {
        text(find(self.fields, tlv_type::SSL_VERSION))
    }

    /// The common name of the client's certificate. Verified only if
    /// [`is_verified`](Self::is_verified) says so.
    pub fn common_name(&self) -> Option<&'a str> {
        text(find(self.fields, tlv_type::SSL_CN))
    }

    /// The cipher suite.
    pub fn cipher(&self) -> Option<&'a str> {
        text(find(self.fields, tlv_type::SSL_CIPHER))
    }

    /// The value of the first of its TLVs of this type.
    pub fn get(&self, kind: u8) -> Option<&'a [u8]> {
        find(self.fields, kind)
    }
}

/// Writes one TLV.
pub(super) fn push(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) -> Result<(), HeaderTooLong> {
    let length = u16::try_from(value.len()).map_err(|_| HeaderTooLong { length: value.len() })?;
    bytes.reserve_exact(HEAD_BYTES + value.len());
    bytes.push(kind);
    bytes.extend(length.to_be_bytes());
    bytes.extend(value);
    Ok(())
}

/// Where the value of the first TLV of this type lies in these bytes.
pub(super) fn position(bytes: &[u8], kind: u8) -> Option<core::ops::Range<usize>> {
    let mut tlvs = Iter { bytes };
    loop {
        let (found, value) = tlvs.next()?;
        if found == kind {
            let end = bytes.len() - tlvs.bytes.len();
            return Some(end - value.len()..end);
        }
    }
}

fn find(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    Iter { bytes }.find_map(|(found, value)| (found == kind).then_some(value))
}

fn text(value: Option<&[u8]>) -> Option<&str> {
    core::str::from_utf8(value?).ok()
}

/// Ends at the first one that is not whole, which is left in `bytes`.
struct Iter<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[kind, high, low], rest) = self.bytes.split_first_chunk::<HEAD_BYTES>()?;
        let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        self.bytes = rest;
        Some((kind, value))
    }
}
