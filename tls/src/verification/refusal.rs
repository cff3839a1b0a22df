//! [`CertificateRefusal`]: which certificate of a peer was refused, and why, in a sentence.
//!
//! A verifier returns an error of rustls, which decides the alert and has no room for the certificate: the only
//! error that carries a value of ours is `CertificateError::Other`, whose alert is always `certificate_unknown`
//! (46), where RFC 8446 section 6.2 wants `certificate_expired`, `unknown_ca` or `bad_certificate`; and the
//! alert cannot be mended behind rustls, as it is encrypted in TLS 1.3. A verifier of each connection's own,
//! with a place for its refusal, would need a configuration of its own, too. So the verifier notes the refusal
//! for its thread, and the layer takes it when rustls reports that very error: both happen within one call of
//! the session. Invariant: a refusal is taken with its own error only.

use std::cell::RefCell;
use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};

use super::refusal_text::{culprit, problem};
use crate::credentials::{CertificateFacts, Peers};

/// Why a peer's certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRefusal {
    /// The certificate that is at fault: the peer's own, or one of its chain. `None` where it cannot be read.
    pub certificate: Option<CertificateFacts>,
    whose: Peers,
    problem: String,
}

thread_local! {
    /// The refusal of the last verification on this thread, with its error as text.
    static LAST: RefCell<Option<(String, CertificateRefusal)>> = const { RefCell::new(None) };
}

/// The error of a refusal, with the refusal noted.
pub(crate) fn noted(
    error: Error,
    whose: Peers,
    own: &CertificateDer<'_>,
    further: &[CertificateDer<'_>],
) -> Error {
    if let Error::InvalidCertificate(cause) = &error {
        let chain: Vec<_> = std::iter::once(own)
            .chain(further)
            .take(CERTIFICATES_READ_MAX)
            .map(|der| CertificateFacts::of(der).ok())
            .collect();
        let certificate = culprit(cause, &chain).cloned();
        let problem = problem(cause, whose, certificate.as_ref(), chain.len());
        let refusal = CertificateRefusal { certificate, whose, problem };
        LAST.with_borrow_mut(|last| *last = Some((format!("{error:?}"), refusal)));
    }
    error
}

/// The refusal that was noted with this error.
pub(crate) fn took(error: &Error) -> Option<CertificateRefusal> {
    let (text, refusal) = LAST.take()?;
    (text == format!("{error:?}")).then_some(refusal)
}

/// How many certificates of a peer's chain are read to tell which one is at fault.
const CERTIFICATES_READ_MAX: usize = 16;

impl CertificateRefusal {
    /// One that rustls has no error for: the certificate is verified, and not wanted.
    pub(super) fn unwanted(whose: Peers, facts: CertificateFacts, problem: String) -> Error {
        let error = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let refusal = Self { certificate: Some(facts), whose, problem };
        LAST.with_borrow_mut(|last| *last = Some((format!("{error:?}"), refusal)));
        error
    }
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.whose {
            Peers::Servers => "server",
            Peers::Clients => "client",
        };
        write!(f, "the certificate of the {whose} was refused: {}", self.problem)?;
        match &self.certificate {
            Some(facts) => write!(f, " (the certificate {facts})"),
            None => Ok(()),
        }
    }
}
