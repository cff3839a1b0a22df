//! [`OwnCertificates`]: the certificates that this side shows, a server's or a client's.
//!
//! Invariant: what is shown is one pair of one reading.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::RenewalFault;
use super::watched::{Source, Watched, unix_now};
use crate::credentials::{CertificateFacts, Certificates, CredentialsError, FileStamps, Loaded};

/// The files of certificates and their keys.
pub(super) struct OwnCertificates {
    pub(super) files: Certificates,
    pub(super) provider: Arc<CryptoProvider>,
    /// Called when others are shown from now on.
    pub(super) on_replaced: Box<dyn Fn() + Send + Sync>,
}

impl Source for OwnCertificates {
    type Content = Loaded;

    fn path(&self) -> &PathBuf {
        self.files.path()
    }

    fn stamps(&self) -> FileStamps {
        self.files.stamps()
    }

    fn read(&self, tell: &dyn Fn(&CredentialsError)) -> Result<Loaded, CredentialsError> {
        self.files.load(&self.provider, tell, unix_now())
    }

    fn check(&self, new: &Loaded, before: &Loaded) -> Result<(), RenewalFault> {
        if let Some(loss) = new.loss_since(before) {
            return Err(loss.into());
        }
        let now = unix_now();
        match new.new_since(before).into_iter().find(|facts| !facts.is_valid_at(now)) {
            Some(facts) => Err(RenewalFault::NotValidNow(Box::new(facts))),
            None => Ok(()),
        }
    }

    fn is_same(&self, new: &Loaded, before: &Loaded) -> bool {
        new.shows_as(before)
    }

    fn first_end(&self, content: &Loaded) -> Option<i64> {
        content.first_end()
    }

    fn news(&self, new: &Loaded, before: &Loaded) -> Vec<CertificateFacts> {
        new.new_since(before)
    }

    fn replaced(&self, _: &Loaded) {
        (self.on_replaced)();
    }
}

impl ResolvesServerCert for Watched<OwnCertificates> {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current().resolve(&hello)
    }
}

impl ResolvesClientCert for Watched<OwnCertificates> {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.current().of_client()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for OwnCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCertificates").field("files", &self.files).finish_non_exhaustive()
    }
}
