//! [`OfServers`]: the authorities that vouch for the servers of a client.
//!
//! Invariant: each certificate is verified by the authorities of one reading.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::authorities::{Authorities, MakesVerifier};
use super::watched::Watched;
use crate::credentials::{CredentialsError, Peers, TrustAnchors};
use crate::verification::{KeyPin, ServerVerifier};

/// The servers of authorities that are taken.
#[derive(Debug)]
pub(super) struct OfServers {
    pub(super) pins: Vec<KeyPin>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl MakesVerifier for OfServers {
    type Verifier = ServerVerifier;

    const PEERS: Peers = Peers::Servers;

    fn verifier(&self, anchors: TrustAnchors) -> Result<ServerVerifier, CredentialsError> {
        ServerVerifier::new(anchors, self.pins.clone(), &self.provider)
    }

    fn given(verifier: &ServerVerifier) -> &[CertificateDer<'static>] {
        verifier.given()
    }
}

impl ServerCertVerifier for Watched<Authorities<OfServers>> {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.current().verifier.verify_server_cert(own, further, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().verifier.supported_verify_schemes()
    }
}
