//! [`ClientAuthorities`]: the authorities that vouch for a server's clients.
//!
//! Invariant: a session from before a renewal is not resumed, for a resumption verifies no certificate.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::RenewalFault;
use super::watched::{Source, Watched};
use crate::credentials::{
    CertificateFacts, CredentialsError, FileStamps, Named, Peers, trust_anchors_of,
};
use crate::verification::{ClientNames, ClientVerifier};

/// The file or directory of the authorities, and the clients of these that are let in.
#[derive(Debug)]
pub(super) struct ClientAuthorities {
    pub(super) trusted: Named,
    pub(super) names: ClientNames,
    pub(super) is_required: bool,
    pub(super) provider: Arc<CryptoProvider>,
    /// How often they were renewed.
    pub(super) generation: Arc<AtomicU64>,
}

/// What the files were read as.
pub(super) struct Authorities {
    verifier: Arc<ClientVerifier>,
    /// The errors about blocks and files that are not used.
    skipped: Vec<CredentialsError>,
}

impl Source for ClientAuthorities {
    type Content = Authorities;

    fn path(&self) -> &PathBuf {
        &self.trusted.path
    }

    fn stamps(&self) -> FileStamps {
        FileStamps::of(&self.trusted.pem_files(|_| {}).unwrap_or_default())
    }

    fn read(&self, tell: &dyn Fn(&CredentialsError)) -> Result<Authorities, CredentialsError> {
        let skipped = RefCell::new(Vec::new());
        let note = |error: &CredentialsError| {
            tell(error);
            skipped.borrow_mut().push(error.clone());
        };
        let anchors = trust_anchors_of(&self.trusted, Peers::Clients, &note)?;
        let names = self.names.clone();
        let verifier = ClientVerifier::new(anchors, names, self.is_required, &self.provider)?;
        Ok(Authorities { verifier: Arc::new(verifier), skipped: skipped.into_inner() })
    }

    /// A part that could be read before, or was not there, may still be being written: an authority would be
    /// missing without a word.
    fn check(&self, new: &Authorities, before: &Authorities) -> Result<(), RenewalFault> {
        let known: Vec<_> = before.skipped.iter().map(ToString::to_string).collect();
        let is_new = |error: &&CredentialsError| !known.contains(&error.to_string());
        match new.skipped.iter().find(is_new) {
            Some(error) => Err(error.clone().into()),
            None => Ok(()),
        }
    }

    fn is_same(&self, new: &Authorities, before: &Authorities) -> bool {
        new.verifier.given() == before.verifier.given()
    }

    fn news(&self, new: &Authorities, before: &Authorities) -> Vec<CertificateFacts> {
        let is_new = |der: &&CertificateDer<'_>| !before.verifier.given().contains(der);
        let new = new.verifier.given().iter().filter(is_new);
        new.filter_map(|der| CertificateFacts::of(der).ok()).collect()
    }

    fn replaced(&self, _: &Authorities) {
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// A server's verifier of clients, whose authorities are renewed.
#[derive(Debug)]
pub(super) struct RenewedVerifier {
    authorities: Arc<Watched<ClientAuthorities>>,
    hints: Hints,
}

impl RenewedVerifier {
    pub(super) fn new(authorities: Arc<Watched<ClientAuthorities>>) -> Self {
        let hints = Hints::of(authorities.current().verifier.clone());
        Self { authorities, hints }
    }
}

/// The verifiers whose names of authorities were asked for, the first one first. rustls borrows such names for
/// as long as the verifier of the configuration lives, so none of them is dropped before that.
#[derive(Debug)]
struct Hints {
    verifier: Arc<ClientVerifier>,
    next: OnceLock<Box<Hints>>,
}

impl Hints {
    fn of(verifier: Arc<ClientVerifier>) -> Self {
        Self { verifier, next: OnceLock::new() }
    }

    /// The names of this verifier, which is added to the end if it is not there.
    fn latest(&self, current: &Arc<ClientVerifier>) -> &[DistinguishedName] {
        let mut last = self;
        while !Arc::ptr_eq(&last.verifier, current) {
            last = last.next.get_or_init(|| Box::new(Self::of(current.clone())));
        }
        last.verifier.root_hint_subjects()
    }
}

impl ClientCertVerifier for RenewedVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.authorities.source.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.hints.latest(&self.authorities.current().verifier)
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.authorities.current().verifier.verify_client_cert(own, further, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.current().verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.current().verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.current().verifier.supported_verify_schemes()
    }
}
