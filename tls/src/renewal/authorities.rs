//! [`Authorities`]: the files of the authorities that vouch for peers, whether these are servers or clients.
//!
//! Invariant: authorities that took the place of others are whole: no part is missing that was read before.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;

use super::RenewalFault;
use super::watched::Source;
use crate::credentials::{
    CertificateFacts, CredentialsError, FileStamps, Named, Peers, TrustAnchors, trust_anchors_of,
};

/// How a verifier is made of authorities.
pub(super) trait MakesVerifier: fmt::Debug + Send + Sync {
    type Verifier: Send + Sync;

    /// The peers that are verified.
    const PEERS: Peers;

    fn verifier(&self, anchors: TrustAnchors) -> Result<Self::Verifier, CredentialsError>;

    /// The certificates that the verifier was made of.
    fn given(verifier: &Self::Verifier) -> &[CertificateDer<'static>];
}

/// The file or directory of authorities.
pub(super) struct Authorities<M> {
    pub(super) trusted: Named,
    pub(super) maker: M,
    /// Called when others are trusted from now on.
    pub(super) on_replaced: Box<dyn Fn() + Send + Sync>,
}

/// What the files were read as.
pub(super) struct Verifying<V> {
    pub(super) verifier: V,
    /// The errors about blocks and files that are not used.
    skipped: Vec<CredentialsError>,
}

impl<M: MakesVerifier> Source for Authorities<M> {
    type Content = Verifying<M::Verifier>;

    fn path(&self) -> &PathBuf {
        &self.trusted.path
    }

    fn stamps(&self) -> FileStamps {
        FileStamps::of(&self.trusted.pem_files(|_| {}).unwrap_or_default())
    }

    fn read(&self, tell: &dyn Fn(&CredentialsError)) -> Result<Self::Content, CredentialsError> {
        let skipped = RefCell::new(Vec::new());
        let note = |error: &CredentialsError| {
            tell(error);
            skipped.borrow_mut().push(error.clone());
        };
        let anchors = trust_anchors_of(&self.trusted, M::PEERS, &note)?;
        let verifier = self.maker.verifier(anchors)?;
        Ok(Verifying { verifier, skipped: skipped.into_inner() })
    }

    /// A part that could be read before, or was not there, may still be being written: an authority would be
    /// missing without a word.
    fn check(&self, new: &Self::Content, before: &Self::Content) -> Result<(), RenewalFault> {
        let known: Vec<_> = before.skipped.iter().map(ToString::to_string).collect();
        let is_new = |error: &&CredentialsError| !known.contains(&error.to_string());
        match new.skipped.iter().find(is_new) {
            Some(error) => Err(error.clone().into()),
            None => Ok(()),
        }
    }

    fn is_same(&self, new: &Self::Content, before: &Self::Content) -> bool {
        M::given(&new.verifier) == M::given(&before.verifier)
    }

    fn news(&self, new: &Self::Content, before: &Self::Content) -> Vec<CertificateFacts> {
        let known = M::given(&before.verifier);
        let new = M::given(&new.verifier).iter().filter(|der| !known.contains(der));
        new.filter_map(|der| CertificateFacts::of(der).ok()).collect()
    }

    fn replaced(&self, _: &Self::Content) {
        (self.on_replaced)();
    }
}

impl<M: fmt::Debug> fmt::Debug for Authorities<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities")
            .field("trusted", &self.trusted)
            .field("maker", &self.maker)
            .finish_non_exhaustive()
    }
}
