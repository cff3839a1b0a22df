//! The server's certificate for each name that clients ask for; Twisted's `SNIConnectionCreator`.
//!
//! Invariant: a look-up reads memory only, so that unknown names cost no file access.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;

use super::directory::{Directory, DirectoryCertificate, Unpaired};
use super::{CredentialsError, Named};

/// The longest chain that is built.
const CHAIN_CERTIFICATES_MAX: usize = 10;

/// The certificate for a client that asks for a name which none is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownName {
    /// None: the handshake ends with the alert `unrecognized_name` (112).
    #[default]
    Refuse,
    /// The one that a client gets that asks for no name.
    Default,
}

/// Certificates by DNS name.
#[derive(Debug)]
pub(crate) struct CertificatesByName {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
    unknown: UnknownName,
    unpaired: Unpaired,
}

/// The certificates of a directory that have their keys. Of two for one name that have not expired the first
/// counts, in the order of the files. The first of all is for clients that ask for no name, or the one in a
/// file called `default.pem`.
///
/// # Errors
///
/// [`CredentialsError::NoPair`], where no certificate has its key.
pub(crate) fn certificates_by_name(
    directory: &Named,
    Directory { certificates, keys, unpaired }: Directory,
    unknown: UnknownName,
    now: i64,
) -> Result<CertificatesByName, CredentialsError> {
    let mut pairs: Vec<(usize, &DirectoryCertificate)> = certificates
        .iter()
        .enumerate()
        .filter(|(_, certificate)| keys.contains_key(&certificate.facts.public_key))
        .collect();
    // A stable sort, so that among equals the order of the files counts.
    pairs.sort_by_key(|(_, certificate)| !certificate.facts.is_valid_at(now));
    let mut by_name = HashMap::new();
    let mut ranked: Vec<(u8, Arc<CertifiedKey>)> = Vec::new();
    for (index, certificate) in pairs {
        let Some(key) = keys.get(&certificate.facts.public_key) else { continue };
        let mut certified = CertifiedKey::new(chain(index, &certificates), key.clone());
        certified.ocsp.clone_from(&certificate.staple);
        let certified = Arc::new(certified);
        for name in &certificate.facts.dns_names {
            by_name.entry(canonical(name)).or_insert_with(|| certified.clone());
        }
        ranked.push((rank(certificate), certified));
    }
    let default = ranked.into_iter().min_by_key(|(rank, _)| *rank);
    let Named { argument, path } = directory.clone();
    let (_, default) = default.ok_or(CredentialsError::NoPair { argument, path })?;
    Ok(CertificatesByName { by_name, default, unknown, unpaired })
}

/// How far a certificate is from being the default.
fn rank(certificate: &DirectoryCertificate) -> u8 {
    let stem = certificate.path.file_stem().unwrap_or_default();
    match (stem.eq_ignore_ascii_case("default"), certificate.facts.dns_names.is_empty()) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

/// A name as it is looked up: in lower case, without the dot of the root.
fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl CertificatesByName {
    /// The certificate for a client.
    pub(super) fn resolve(&self, hello: &ClientHello<'_>) -> Option<&Arc<CertifiedKey>> {
        match hello.server_name() {
            // rustls gives none for an address and for what is no name, either.
            None | Some("") => Some(&self.default),
            Some(name) => self.look_up(name).or(match self.unknown {
                UnknownName::Refuse => None,
                UnknownName::Default => Some(&self.default),
            }),
        }
    }

    fn look_up(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = canonical(name);
        self.by_name.get(&name).or_else(|| {
            // A wildcard stands for one label, the first.
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }

    /// The certificates, each perhaps several times, with the names that they are for.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &Arc<CertifiedKey>)> {
        self.by_name.iter().map(|(name, certified)| (&**name, certified))
    }

    /// The certificate for clients that ask for no name.
    pub(super) fn default_certificate(&self) -> &Arc<CertifiedKey> {
        &self.default
    }

    /// The certificate whose name is exactly this.
    pub(super) fn exact(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.by_name.get(name)
    }

    /// The keys and certificates that had no use.
    pub(super) fn unpaired(&self) -> &Unpaired {
        &self.unpaired
    }
}

/// The certificate, its issuer, the issuer of that, and so on. The root is left out, as clients have
/// it.
fn chain(leaf: usize, certificates: &[DirectoryCertificate]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![leaf];
    let mut last = &certificates[leaf];
    while chain.len() < CHAIN_CERTIFICATES_MAX && !last.facts.is_self_issued() {
        let issuer = certificates.iter().position(|other| {
            other.facts.subject_der == last.facts.issuer_der && !other.facts.is_self_issued()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_without_regard_to_case_and_the_dot_of_the_root() {
        for name in ["a.example", "A.EXAMPLE", "a.Example."] {
            assert_eq!(canonical(name), "a.example");
        }
        assert_eq!(canonical("."), "");
    }
}
