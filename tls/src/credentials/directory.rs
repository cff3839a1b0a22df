//! [`Directory`]: all keys and certificates of a directory, whichever of its files they lie in; Twisted's
//! `PEMObjects`.
//!
//! Invariant: a file is read whole or the reading fails, and a key or file without use is told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;

use super::certificate_facts::CertificateFacts;
use super::key_kind::unsupported_kind;
use super::pem_file::PemCertificate;
use super::staple::read_staple;
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
    /// The OCSP response that lies beside the file.
    pub(super) staple: Option<Vec<u8>>,
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
        read.take_staples(directory)?;
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
            let kind = unsupported_kind(&key);
            let key = provider.key_provider.load_private_key(key).map_err(|error| {
                CredentialsError::BadKey { argument, path: path.clone(), kind, error }
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
            let (path, staple) = (path.clone(), None);
            self.certificates.push(DirectoryCertificate { der, facts, path, staple });
        }
        Ok(())
    }

    /// Reads the OCSP responses beside the files: `own.pem.ocsp` is for the certificate in `own.pem` that has
    /// its key, as HAProxy has it.
    fn take_staples(&mut self, directory: &Named) -> Result<(), CredentialsError> {
        let Self { certificates, keys, .. } = self;
        let mut refused: BTreeMap<PathBuf, CredentialsError> = BTreeMap::new();
        let mut used = BTreeSet::new();
        for own in certificates.iter_mut() {
            let file = directory.at(staple_path(&own.path));
            if !keys.contains_key(&own.facts.public_key) || !file.path.exists() {
                continue;
            }
            match read_staple(&file, &own.der) {
                Ok(response) => {
                    own.staple = Some(response);
                    used.insert(file.path);
                }
                // It may be for another pair in the same file.
                Err(error) => drop(refused.insert(file.path, error)),
            }
        }
        match refused.into_iter().find(|(path, _)| !used.contains(path)) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
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

/// The file of the OCSP response for the certificate in a file.
pub(super) fn staple_path(certificate: &Path) -> PathBuf {
    let mut path = certificate.as_os_str().to_owned();
    path.push(".ocsp");
    path.into()
}
