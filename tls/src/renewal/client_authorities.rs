//! [`OfClients`]: the authorities that vouch for a server's clients.
//!
//! Invariant: each certificate is verified by the authorities of one reading.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::authorities::{Authorities, MakesVerifier};
use super::watched::Watched;
use crate::credentials::{CredentialsError, Peers, TrustAnchors};
use crate::verification::{ClientNames, ClientVerifier};

/// The clients of authorities that are let in.
#[derive(Debug)]
pub(super) struct OfClients {
    pub(super) names: ClientNames,
    pub(super) is_required: bool,
    pub(super) provider: Arc<CryptoProvider>,
}

impl MakesVerifier for OfClients {
    type Verifier = ClientVerifier;

    const PEERS: Peers = Peers::Clients;

    fn verifier(&self, anchors: TrustAnchors) -> Result<ClientVerifier, CredentialsError> {
        ClientVerifier::new(anchors, self.names.clone(), self.is_required, &self.provider)
    }

    fn given(verifier: &ClientVerifier) -> &[CertificateDer<'static>] {
        verifier.given()
    }
}

/// A server's verifier of clients, whose authorities are renewed.
#[derive(Debug)]
pub(super) struct RenewedVerifier {
    authorities: Arc<Watched<Authorities<OfClients>>>,
    hints: Hints,
}

impl RenewedVerifier {
    pub(super) fn new(authorities: Arc<Watched<Authorities<OfClients>>>) -> Self {
        let hints = Hints::of(authorities.current().verifier.root_hint_subjects());
        Self { authorities, hints }
    }
}

/// How many lists of names are kept.
const LISTS_MAX: usize = 256;

/// The lists of the names of authorities, by which a client chooses its certificate; the first one first, and
/// none of them twice. rustls borrows such a list for as long as the verifier of the configuration lives, so
/// none of them is dropped before that. Authorities that are issued anew have their old names, so there are
/// few lists. Where there would be too many, clients are told no names (RFC 8446 section 4.2.4 lets a server
/// leave them out), and are verified as ever.
#[derive(Debug)]
struct Hints {
    names: Vec<DistinguishedName>,
    next: OnceLock<Box<Hints>>,
}

impl Hints {
    fn of(names: &[DistinguishedName]) -> Self {
        Self { names: names.to_vec(), next: OnceLock::new() }
    }

    /// These names, in the list of them that is kept.
    fn kept(&self, names: &[DistinguishedName]) -> &[DistinguishedName] {
        let mut list = self;
        for _ in 1..LISTS_MAX {
            if list.has(names) {
                return &list.names;
            }
            list = list.next.get_or_init(|| Box::new(Self::of(names)));
        }
        if list.has(names) { &list.names } else { &[] }
    }

    fn has(&self, names: &[DistinguishedName]) -> bool {
        self.names.iter().map(AsRef::as_ref).eq(names.iter().map(AsRef::<[u8]>::as_ref))
    }
}

impl ClientCertVerifier for RenewedVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.authorities.source.maker.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.hints.kept(self.authorities.current().verifier.root_hint_subjects())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(number: usize) -> Vec<DistinguishedName> {
        vec![DistinguishedName::in_sequence(number.to_string().as_bytes())]
    }

    fn count(hints: &Hints) -> usize {
        1 + hints.next.get().map_or(0, |next| count(next))
    }

    #[test]
    fn names_that_come_again_are_kept_once_and_of_others_a_bounded_number() {
        let hints = Hints::of(&names(0));
        let has = |number: usize| match hints.kept(&names(number)) {
            [] => false,
            [name] => name.as_ref() == names(number)[0].as_ref(),
            other => panic!("{other:?}"),
        };
        assert!([0, 1, 0, 1, 1, 0].into_iter().all(has));
        assert_eq!(count(&hints), 2);
        assert!((0..LISTS_MAX).all(has));
        assert!(!(LISTS_MAX..LISTS_MAX + 50).any(has));
        assert_eq!(count(&hints), LISTS_MAX);
        assert!(has(7) && has(LISTS_MAX - 1));
    }
}
