//! [`AnyCertificate`]: the verifier of `verify=danger-none`.
//!
//! Invariant: the peer has to have the key of the certificate that it shows, of whatever version that is.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use webpki::RawPublicKeyEntity;

use super::key_pin::{KeyPin, Pins};
use crate::credentials::CertificateFacts;

/// Accepts any certificate, or any with one of the pinned keys.
#[derive(Debug)]
pub(crate) struct AnyCertificate {
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

impl AnyCertificate {
    /// Accepts certificates with one of these keys, or any where there are none.
    pub(crate) fn new(pins: Vec<KeyPin>, provider: Arc<CryptoProvider>) -> Self {
        Self { pins: Pins(pins), provider }
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.pins.verify(own, &self.provider).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(&self.provider, message, certificate, signed, usize::MAX)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !is_of_tls13(signed.scheme) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        verify_signature(&self.provider, message, certificate, signed, 1)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// RFC 8446 section 4.2.3: signatures of PKCS#1 v1.5 and SHA-1 are for TLS 1.2 alone.
fn is_of_tls13(scheme: SignatureScheme) -> bool {
    use SignatureScheme as Scheme;
    !matches!(
        scheme,
        Scheme::RSA_PKCS1_SHA1
            | Scheme::ECDSA_SHA1_Legacy
            | Scheme::RSA_PKCS1_SHA256
            | Scheme::RSA_PKCS1_SHA384
            | Scheme::RSA_PKCS1_SHA512
    )
}

/// Verifies a signature of the handshake by the key in a certificate, of which only the key is read: rustls
/// reads certificates of X.509 version 3 alone. Of the algorithms of a scheme `most` are tried: TLS 1.3 ties
/// each scheme to one curve.
fn verify_signature(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    most: usize,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = |error: CertificateError| Error::InvalidCertificate(error);
    let key = SubjectPublicKeyInfoDer::from(CertificateFacts::of(certificate)?.public_key);
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| bad(CertificateError::BadEncoding))?;
    let known = provider.signature_verification_algorithms.mapping;
    let (_, algorithms) = known
        .iter()
        .find(|(scheme, _)| *scheme == signed.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    algorithms
        .iter()
        .take(most)
        .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok())
        .then(HandshakeSignatureValid::assertion)
        .ok_or(bad(CertificateError::BadSignature))
}
