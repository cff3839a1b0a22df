//! The server's certificate for each name that clients ask for; Twisted's `SNIConnectionCreator`.
//!
//! Invariant: a look-up reads memory only, so that unknown names cost no file access.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};

use super::certificate_facts::CertificateFacts;
use super::pem_file::PemCertificate;
use super::{CredentialsError, Named};

/// The longest chain that is built.
const CHAIN_CERTIFICATES_MAX: usize = 10;

/// Certificates by DNS name.
#[derive(Debug)]
pub(crate) struct CertificatesByName {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

/// Reads all files of a directory that are named as certificates are, and tells those that are no files. Keys, certificates and intermediates may lie in any of
/// them. Of two certificates for one name the first counts, in the order of the files, and the first
/// of all is for clients that ask for no name.
///
/// # Errors
///
/// The first file that cannot be read or used; or that no certificate has its key.
pub(crate) fn certificates_by_name(
    directory: &Named,
    provider: &CryptoProvider,
    tell: &dyn Fn(&CredentialsError),
) -> Result<CertificatesByName, CredentialsError> {
    let (keys, certificates) = read(directory, provider, tell)?;
    let mut by_name = HashMap::new();
    let mut default = None;
    for (index, certificate) in certificates.iter().enumerate() {
        let Some(key) = keys.get(&certificate.names.public_key) else { continue };
        if certificate.names.dns_names.is_empty() {
            continue;
        }
        let certified = Arc::new(CertifiedKey::new(chain(index, &certificates), key.clone()));
        default.get_or_insert_with(|| certified.clone());
        for name in &certificate.names.dns_names {
            by_name.entry(name.clone()).or_insert_with(|| certified.clone());
        }
    }
    let Named { argument, path } = directory.clone();
    let default = default.ok_or(CredentialsError::NoPair { argument, path })?;
    Ok(CertificatesByName { by_name, default })
}

impl CertificatesByName {
    fn look_up(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        self.by_name.get(&name).or_else(|| {
            // A wildcard stands for one label, the first.
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }
}

impl ResolvesServerCert for CertificatesByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match hello.server_name() {
            None | Some("") => Some(self.default.clone()),
            Some(name) => self.look_up(name).cloned(),
        }
    }
}

/// A certificate and its names.
struct Certificate {
    der: CertificateDer<'static>,
    names: CertificateFacts,
}

type Keys = HashMap<Vec<u8>, Arc<dyn SigningKey>>;

/// All keys by their public keys, and all certificates.
fn read(
    directory: &Named,
    provider: &CryptoProvider,
    tell: &dyn Fn(&CredentialsError),
) -> Result<(Keys, Vec<Certificate>), CredentialsError> {
    let (mut keys, mut certificates) = (Keys::new(), Vec::new());
    for file in directory.pem_files(|skipped| tell(&skipped))? {
        let content = match file.read_whole() {
            Err(skipped @ CredentialsError::NotAFile { .. }) if file.path != directory.path => {
                tell(&skipped);
                continue;
            }
            content => content?,
        };
        let Named { argument, path } = file;
        if content.has_encrypted_key {
            tell(&CredentialsError::EncryptedKey { argument, path: path.clone() });
        }
        for key in content.keys {
            let key = provider.key_provider.load_private_key(key).map_err(|source| {
                CredentialsError::BadKey { argument, path: path.clone(), source }
            })?;
            if let Some(public) = key.public_key() {
                keys.insert(public.to_vec(), key);
            }
        }
        for PemCertificate { der, line, .. } in content.certificates {
            let names = CertificateFacts::of(&der).map_err(|source| {
                CredentialsError::BadCertificate { argument, path: path.clone(), line, source }
            })?;
            certificates.push(Certificate { der, names });
        }
    }
    Ok((keys, certificates))
}

/// The certificate, its issuer, the issuer of that, and so on. The root is left out, as clients have
/// it.
fn chain(leaf: usize, certificates: &[Certificate]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![leaf];
    let mut last = &certificates[leaf];
    while chain.len() < CHAIN_CERTIFICATES_MAX && !last.names.is_self_issued() {
        let issuer = certificates.iter().position(|other| {
            other.names.subject_der == last.names.issuer_der && !other.names.is_self_issued()
        });
        match issuer {
            Some(issuer) if !chain.contains(&issuer) => {
                chain.push(issuer);
                last = &certificates[issuer];
            }
            Some(_) | None => break,
        }
    }
    chain.into_iter().map(|index| certificates[index].der.clone()).collect()
}
