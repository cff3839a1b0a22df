//! [`Directory`]: all keys and certificates of a directory, whichever of its files they lie in; Twisted's
//! `PEMObjects`.
//!
//! Invariant: a file is read whole or the reading fails, and a key or file without use is told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;

use super::certificate_facts::CertificateFacts;
use super::pem_file::PemCertificate;
use super::{CredentialsError, Named};

/// The content of a directory.
pub(crate) struct Directory {
    pub(super) certificates: Vec<DirectoryCertificate>,
    /// By their public keys.
    pub(super) keys: HashMap<Vec<u8>, Arc<dyn SigningKey>>,
    pub(super) unpaired: Unpaired,
}

/// A certificate of a file.
pub(super) struct DirectoryCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) facts: CertificateFacts,
    pub(super) path: PathBuf,
}

/// The files that have a half of a pair, or nothing.
#[derive(Debug, Default)]
pub(super) struct Unpaired {
    /// With a key that no certificate is for.
    pub(super) keys: Vec<PathBuf>,
    /// With no key and no certificate.
    pub(super) empty: Vec<PathBuf>,
    /// By DNS name, with a certificate whose key is missing.
    pub(super) certificates: HashMap<String, PathBuf>,
}

impl Directory {
    /// Reads all files of a directory that are named as certificates are, and tells those that are no
    /// files, and keys that no certificate is for.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read or used.
    pub(crate) fn read(
        directory: &Named,
        provider: &CryptoProvider,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Self, CredentialsError> {
        let mut read =
            Self { certificates: Vec::new(), keys: HashMap::new(), unpaired: Unpaired::default() };
        let mut key_files = Vec::new();
        for file in directory.pem_files(|skipped| tell(&skipped))? {
            read.take(directory, &file, provider, &mut key_files, tell)?;
        }
        read.find_unpaired(key_files);
        for path in &read.unpaired.keys {
            let (argument, path) = (directory.argument, path.clone());
            tell(&CredentialsError::KeyWithoutCertificate { argument, path });
        }
        Ok(read)
    }

    fn take(
        &mut self,
        directory: &Named,
        file: &Named,
        provider: &CryptoProvider,
        key_files: &mut Vec<(Vec<u8>, PathBuf)>,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<(), CredentialsError> {
        let content = match file.read_whole() {
            Err(skipped @ CredentialsError::NotAFile { .. }) if file.path != directory.path => {
                tell(&skipped);
                return Ok(());
            }
            content => content?,
        };
        let Named { argument, path } = file.clone();
        if content.has_encrypted_key {
            tell(&CredentialsError::EncryptedKey { argument, path: path.clone() });
        } else if content.keys.is_empty() && content.certificates.is_empty() {
            self.unpaired.empty.push(path.clone());
        }
        for key in content.keys {
            let key = provider.key_provider.load_private_key(key).map_err(|source| {
                CredentialsError::BadKey { argument, path: path.clone(), source }
            })?;
            if let Some(public) = key.public_key() {
                key_files.push((public.to_vec(), path.clone()));
                self.keys.insert(public.to_vec(), key);
            }
        }
        for PemCertificate { der, line, .. } in content.certificates {
            let facts = CertificateFacts::of(&der).map_err(|source| {
                CredentialsError::BadCertificate { argument, path: path.clone(), line, source }
            })?;
            self.certificates.push(DirectoryCertificate { der, facts, path: path.clone() });
        }
        Ok(())
    }

    fn find_unpaired(&mut self, key_files: Vec<(Vec<u8>, PathBuf)>) {
        let Self { certificates, keys, unpaired } = self;
        for (public, path) in key_files {
            if !certificates.iter().any(|certificate| certificate.facts.public_key == public) {
                unpaired.keys.push(path);
            }
        }
        for certificate in certificates {
            if !keys.contains_key(&certificate.facts.public_key) {
                for name in &certificate.facts.dns_names {
                    unpaired.certificates.insert(name.clone(), certificate.path.clone());
                }
            }
        }
    }
}
