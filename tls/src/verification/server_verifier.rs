//! [`ServerVerifier`]: a client's verifier of servers.
//!
//! Invariant: rustls's verifier accepts the certificate, or it is itself a given one, with its dates, its
//! name and its use verified here; and where keys are pinned, its key is one of them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::key_pin::{KeyPin, Pins};
use super::noted;
use crate::credentials::{CertificateFacts, CredentialsError, Peers, TrustAnchors};

/// Verifies servers by authorities, given certificates and pins.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    webpki: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    /// Trusts `anchors`; of the servers that these vouch for, those whose key is one of `pins`, if there are any.
    pub(crate) fn new(
        anchors: TrustAnchors,
        pins: Vec<KeyPin>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, CredentialsError> {
        let TrustAnchors { roots, given } = anchors;
        let webpki = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(CredentialsError::verifier)?;
        Ok(Self { webpki, given, pins: Pins(pins), provider: provider.clone() })
    }

    /// The certificates of the authorities, which may be servers', too.
    pub(crate) fn given(&self) -> &[CertificateDer<'static>] {
        &self.given
    }

    fn verify_given(
        &self,
        own: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(own)?;
        let facts = CertificateFacts::of(own)?;
        facts.verify_dates(now)?;
        if facts.uses.is_some_and(|uses| !uses.server) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        verify_server_name(&parsed, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.webpki.verify_server_cert(own, further, name, ocsp_response, now);
        let verified = match verified {
            Err(error) if is_of_authority(&error) && self.given.contains(own) => {
                self.verify_given(own, name, now)
            }
            verified => verified,
        };
        let verified = verified.map_err(|error| noted(error, Peers::Servers, own, further))?;
        self.pins.verify(own, &self.provider).map(|()| verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether the error is about who issued the certificate, or that it is an authority's own. Everything else
/// counts for a given certificate, too.
pub(super) fn is_of_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

impl CertificateFacts {
    /// RFC 5280 section 4.1.2.5: both dates are in the life of the certificate.
    pub(super) fn verify_dates(&self, now: UnixTime) -> Result<(), CertificateError> {
        let at = |seconds: i64| {
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                seconds.max(0).unsigned_abs(),
            ))
        };
        let (not_before, not_after) = (at(self.not_before), at(self.not_after));
        if now < not_before {
            return Err(CertificateError::NotValidYetContext { time: now, not_before });
        }
        if now > not_after {
            return Err(CertificateError::ExpiredContext { time: now, not_after });
        }
        Ok(())
    }
}
