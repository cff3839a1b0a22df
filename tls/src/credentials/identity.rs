//! A certificate with its key, from files.
//!
//! Invariant: the key belongs to the first certificate of the chain, and each certificate of the chain is
//! followed by its issuer, if it is there.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};

use super::certificate_facts::CertificateFacts;
use super::found_blocks::FoundBlocks;
use super::key_kind::unsupported_kind;
use super::pem_file::{PemCertificate, PemFile};
use super::{CredentialsError, Named};

/// The files of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The certificate, perhaps followed by its chain.
    pub(crate) certificate: Named,
    /// The key; it may be the same file.
    pub(crate) key: Named,
    /// Further certificates of the chain.
    pub(crate) extra_chain: Option<Named>,
}

impl Identity {
    /// Reads the files, and checks that the key belongs to one of the certificates.
    pub(crate) fn load(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, CredentialsError> {
        let key = self.key.read_whole()?.key(&self.key)?;
        let own = self.certificate.read_whole()?.certificates(&self.certificate)?;
        let extra = match &self.extra_chain {
            Some(extra) => extra.read_whole()?.certificates(extra)?,
            None => Vec::new(),
        };
        let Named { argument, path } = self.key.clone();
        let kind = unsupported_kind(&key);
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| CredentialsError::BadKey { argument, path, kind, error })?;
        self.certified(key, own.into_iter().chain(extra).map(ChainCertificate::of).collect())
    }

    fn certified(
        &self,
        key: Arc<dyn SigningKey>,
        mut chain: Vec<ChainCertificate>,
    ) -> Result<Arc<CertifiedKey>, CredentialsError> {
        let public = key.public_key().map(|public| public.to_vec());
        if let Some(public) = &public
            && let Some(own) = chain.iter().position(|link| link.has_key(public))
        {
            chain[..=own].rotate_right(1);
            let chain = sorted(chain).into_iter().map(|link| link.der).collect();
            return Ok(Arc::new(CertifiedKey::new(chain, key)));
        }
        let Some(first) = chain.first() else { return Err(self.certificate.no_certificate(&[])) };
        let (facts, line) = (first.facts.clone().map(Box::new), first.line);
        let certified = CertifiedKey::new(chain.into_iter().map(|link| link.der).collect(), key);
        match certified.keys_match() {
            // A key in hardware may not give its public key.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Arc::new(certified))
            }
            Err(source) if facts.is_none() => {
                let Named { argument, path } = self.certificate.clone();
                Err(CredentialsError::BadCertificate { argument, path, line, source })
            }
            Err(_) => Err(CredentialsError::Mismatch {
                key: self.key.path.clone(),
                certificate: self.certificate.path.clone(),
                facts,
            }),
        }
    }
}

/// A certificate of a chain.
struct ChainCertificate {
    der: CertificateDer<'static>,
    line: usize,
    facts: Option<CertificateFacts>,
}

impl ChainCertificate {
    fn of(PemCertificate { der, line, .. }: PemCertificate) -> Self {
        let facts = CertificateFacts::of(&der).ok();
        Self { der, line, facts }
    }

    fn has_key(&self, public: &[u8]) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.public_key == public)
    }

    /// Whether the other one is, by its name, the authority of this one.
    fn is_issued_by(&self, other: &Self) -> bool {
        let (Some(own), Some(other)) = (&self.facts, &other.facts) else { return false };
        own.issuer_der == other.subject_der && !own.is_self_issued()
    }
}

/// The chain with each certificate before its issuer; those that are in no such place keep the order of the
/// files, behind the others.
fn sorted(mut rest: Vec<ChainCertificate>) -> Vec<ChainCertificate> {
    let mut chain: Vec<ChainCertificate> = rest.drain(..1.min(rest.len())).collect();
    while let Some(last) = chain.last()
        && let Some(next) = rest.iter().position(|link| last.is_issued_by(link))
    {
        chain.push(rest.remove(next));
    }
    chain.append(&mut rest);
    chain
}

impl PemFile {
    /// Its first key.
    fn key(self, file: &Named) -> Result<PrivateKeyDer<'static>, CredentialsError> {
        let Named { argument, path } = file.clone();
        match self.keys.into_iter().next() {
            Some(key) => Ok(key),
            None if self.has_encrypted_key => {
                Err(CredentialsError::EncryptedKey { argument, path })
            }
            None => {
                let found = FoundBlocks::of(&self.others);
                Err(CredentialsError::NoKey { argument, path, found })
            }
        }
    }

    /// Its certificates, at least one.
    fn certificates(self, file: &Named) -> Result<Vec<PemCertificate>, CredentialsError> {
        match self.certificates.is_empty() {
            true => Err(file.no_certificate(&self.others)),
            false => Ok(self.certificates),
        }
    }
}
