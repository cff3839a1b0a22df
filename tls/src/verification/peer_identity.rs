//! The [`PeerIdentity`] of a certificate.
//!
//! Invariant: nothing is verified here; the handshake has done it.

use interfaces::PeerIdentity;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::key_pin::sha256;
use crate::credentials::CertificateFacts;

/// The names in a certificate; `None` where it cannot be read, or the provider has no SHA-256.
pub(crate) fn peer_identity(
    certificate: &CertificateDer<'_>,
    provider: &CryptoProvider,
) -> Option<PeerIdentity> {
    let fingerprint = sha256(provider)?.hash(certificate).as_ref().try_into().ok()?;
    let CertificateFacts { common_name, dns_names, uris, .. } =
        CertificateFacts::of(certificate).ok()?;
    Some(PeerIdentity { common_name, dns_names, uris, fingerprint })
}
