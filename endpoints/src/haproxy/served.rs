//! The header for a connection that is served: its addresses, and what it knows of TLS and of a proxy
//! before it.
//!
//! Invariant: nothing is told that the connection does not answer itself.

use alloc::rc::Rc;

use interfaces::{TlsTransport, Transport};

use super::tlv::{SslTlv, UNIQUE_ID_BYTES_MAX, tlv_type};
use super::{HeaderTooLong, ProxyHeader, Tlvs};
use crate::sni::ClientHello;

/// The most bytes of a text that a client chooses and a header repeats.
const TEXT_BYTES_MAX: usize = 255;

/// The header for the client of `served`. TLVs of a proxy before it are passed on, but for those that TLS
/// on this connection has anew; the name of a ClientHello is told, be TLS ended here or behind.
pub(super) fn header_for(served: &Rc<dyn Transport>) -> ProxyHeader {
    let header = ProxyHeader::stream(served.peer(), served.host());
    match tlvs_for(served) {
        Ok(tlvs) => header.with_tlvs(tlvs),
        // None of them can be as long.
        Err(_) => header,
    }
}

fn tlvs_for(served: &Rc<dyn Transport>) -> Result<Tlvs, HeaderTooLong> {
    let before = served.query::<ProxyHeader>().map(|header| header.tlvs).unwrap_or_default();
    let tls = served.as_tls().filter(|tls| tls.version().is_some());
    let is_read_anew = tls.is_some() || served.query::<ClientHello>().is_some();
    let mut tlvs = Tlvs::new();
    for (kind, value) in before.iter() {
        let is_passed = match kind {
            tlv_type::AUTHORITY => !is_read_anew,
            tlv_type::ALPN | tlv_type::SSL => tls.is_none(),
            tlv_type::UNIQUE_ID => value.len() <= UNIQUE_ID_BYTES_MAX,
            // The others are about the one hop.
            _ => false,
        };
        if is_passed {
            tlvs = tlvs.with(kind, value)?;
        }
    }
    if let Some(name) = served.query::<ClientHello>().and_then(|hello| hello.server_name) {
        tlvs = tlvs.with(tlv_type::AUTHORITY, name.as_bytes())?;
    }
    match tls {
        Some(tls) => with_tls(tlvs, tls),
        None => Ok(tlvs),
    }
}

fn with_tls(mut tlvs: Tlvs, tls: &dyn TlsTransport) -> Result<Tlvs, HeaderTooLong> {
    if let Some(protocol) = tls.negotiated_protocol() {
        tlvs = tlvs.with(tlv_type::ALPN, &protocol)?;
    }
    let mut fields = Tlvs::new();
    if let Some(version) = tls.version() {
        fields = fields.with(tlv_type::SSL_VERSION, version.replace('_', ".").as_bytes())?;
    }
    if let Some(suite) = tls.cipher_suite() {
        let name = suite.replacen("TLS13_", "TLS_", 1);
        fields = fields.with(tlv_type::SSL_CIPHER, name.as_bytes())?;
    }
    let mut client = SslTlv::CLIENT_SSL;
    let certificates = tls.peer_certificates();
    // A handshake with a certificate that is not accepted fails, so one that is here is verified.
    let verify = u32::from(certificates.is_empty());
    if !certificates.is_empty() {
        client |= SslTlv::CLIENT_CERT_CONN | SslTlv::CLIENT_CERT_SESS;
        let name = tls.peer_common_name().filter(|name| name.len() <= TEXT_BYTES_MAX);
        if let Some(name) = name {
            fields = fields.with(tlv_type::SSL_CN, name.as_bytes())?;
        }
    }
    tlvs.with_ssl(SslTlv::new(client, verify, &fields))
}
