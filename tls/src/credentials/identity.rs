//! A certificate with its key, from files.
//!
//! Invariant: the key belongs to the first certificate of the chain.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::pem_file::PemFile;
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
    /// Reads the files, and checks that the key belongs to the certificate.
    pub(crate) fn load(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, CredentialsError> {
        let key = self.key.read()?.key(&self.key)?;
        let mut chain = self.certificate.read()?.certificates(&self.certificate)?;
        if let Some(extra) = &self.extra_chain {
            chain.extend(extra.read()?.certificates(extra)?);
        }
        let Named { argument, path } = self.key.clone();
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|source| CredentialsError::BadKey { argument, path, source })?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A key in hardware may not give its public key.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Arc::new(certified))
            }
            Err(Error::InconsistentKeys(_)) => Err(CredentialsError::Mismatch {
                key: self.key.path.clone(),
                certificate: self.certificate.path.clone(),
            }),
            Err(source) => {
                let Named { argument, path } = self.certificate.clone();
                Err(CredentialsError::BadCertificate { argument, path, source })
            }
        }
    }
}

impl PemFile {
    /// Its first key.
    fn key(self, file: &Named) -> Result<PrivateKeyDer<'static>, CredentialsError> {
        let Named { argument, path } = file.clone();
        match self.keys.into_iter().next() {
            // The PEM parser takes an encrypted key in an RSA block for a plain one.
            _ if self.has_encrypted_key => Err(CredentialsError::EncryptedKey { argument, path }),
            Some(key) => Ok(key),
            None => Err(CredentialsError::NoKey { argument, path }),
        }
    }

    /// Its certificates, at least one.
    fn certificates(self, file: &Named) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
        if self.certificates.is_empty() {
            let Named { argument, path } = file.clone();
            return Err(CredentialsError::NoCertificate { argument, path });
        }
        Ok(self.certificates)
    }
}
