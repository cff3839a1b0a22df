//! [`ClientVerifier`]: a server's verifier of clients.
//!
//! Invariant: rustls's verifier accepts the certificate, or it is itself a given one, with its dates and its
//! use verified here; and its names are wanted.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::client_names::ClientNames;
use super::noted;
use super::refusal::CertificateRefusal;
use super::server_verifier::is_of_authority;
use crate::credentials::{CertificateFacts, CredentialsError, Peers, TrustAnchors};

/// Verifies clients by authorities, given certificates and names.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    webpki: Arc<dyn ClientCertVerifier>,
    given: Vec<CertificateDer<'static>>,
    names: ClientNames,
    is_required: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientVerifier {
    /// Trusts `anchors`; a client that shows nothing is taken unless `is_required`.
    pub(crate) fn new(
        anchors: TrustAnchors,
        names: ClientNames,
        is_required: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, CredentialsError> {
        let TrustAnchors { roots, given } = anchors;
        let webpki = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(CredentialsError::verifier)?;
        Ok(Self { webpki, given, names, is_required, provider: provider.clone() })
    }

    /// The certificates of the authorities, which may be clients', too.
    pub(crate) fn given(&self) -> &[CertificateDer<'static>] {
        &self.given
    }

    fn verify_given(&self, own: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let facts = CertificateFacts::of(own)?;
        facts.verify_dates(now)?;
        match facts.uses {
            Some(uses) if !uses.client => Err(CertificateError::InvalidPurpose.into()),
            Some(_) | None => Ok(()),
        }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = match self.webpki.verify_client_cert(own, further, now) {
            Err(error) if self.given.contains(own) && is_of_authority(&error) => {
                self.verify_given(own, now)
            }
            verified => verified.map(|_| ()),
        };
        verified.map_err(|error| noted(error, Peers::Clients, own, further))?;
        let facts = CertificateFacts::of(own)?;
        if !self.names.take(&facts, &self.provider) {
            let problem = "none of its names, nor its key, is one of those that are let in".into();
            return Err(CertificateRefusal::unwanted(Peers::Clients, facts, problem));
        }
        Ok(ClientCertVerified::assertion())
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
