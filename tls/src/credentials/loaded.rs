//! [`Loaded`]: the certificates that a server shows, as they were in their files at one time.
//!
//! Invariant: it does not change; a renewal puts another one in its place.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;

use super::by_name::{CertificatesByName, certificates_by_name};
use super::certificate_facts::CertificateFacts;
use super::directory::{Directory, staple_path};
use super::staple::read_staple;
use super::{CredentialsError, FileStamps, Identity, Named, UnknownName};

/// The files of a server's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificates {
    /// With an OCSP response, if there is one.
    One(Identity, Option<Named>),
    ByName(Named, UnknownName),
}

impl Certificates {
    /// Reads the files. `now` is in UNIX time.
    pub(crate) fn load(
        &self,
        provider: &CryptoProvider,
        tell: &dyn Fn(&CredentialsError),
        now: i64,
    ) -> Result<Loaded, CredentialsError> {
        match self {
            Self::One(identity, staple) => {
                let mut certified = identity.load(provider)?;
                if let (Some(file), [leaf, ..]) = (staple, &*certified.cert) {
                    let response = read_staple(file, leaf)?;
                    Arc::make_mut(&mut certified).ocsp = Some(response);
                }
                Ok(Loaded::One(certified))
            }
            Self::ByName(directory, unknown) => {
                let content = Directory::read(directory, provider, tell)?;
                certificates_by_name(directory, content, *unknown, now).map(Loaded::ByName)
            }
        }
    }

    /// The stamps of the files; those of no file, where a directory cannot be read.
    pub(crate) fn stamps(&self) -> FileStamps {
        match self {
            Self::One(Identity { certificate, key, extra_chain }, staple) => {
                FileStamps::of([certificate, key].into_iter().chain(extra_chain).chain(staple))
            }
            Self::ByName(directory, _) => {
                let files = directory.pem_files(|_| {}).unwrap_or_default();
                let beside = |file: &Named| [file.clone(), directory.at(staple_path(&file.path))];
                FileStamps::of(&files.iter().flat_map(beside).collect::<Vec<_>>())
            }
        }
    }

    /// The file or directory that an operator knows them by.
    pub(crate) fn path(&self) -> &PathBuf {
        match self {
            Self::One(identity, _) => &identity.certificate.path,
            Self::ByName(directory, _) => &directory.path,
        }
    }
}

/// The certificates of a server.
#[derive(Debug)]
pub(crate) enum Loaded {
    One(Arc<CertifiedKey>),
    ByName(CertificatesByName),
}

/// Why a renewal would take something away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A name has no certificate with its key any more, and this file has half a pair or nothing.
    Name { name: String, file: PathBuf },
    /// A certificate comes without the authorities that the one before it came with.
    Chain(CertificateFacts),
}

impl Loaded {
    pub(crate) fn resolve(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match self {
            Self::One(certified) => Some(certified.clone()),
            Self::ByName(certificates) => certificates.resolve(hello).cloned(),
        }
    }

    /// The certificate of a client, which has one.
    pub(crate) fn of_client(&self) -> Option<Arc<CertifiedKey>> {
        match self {
            Self::One(certified) => Some(certified.clone()),
            Self::ByName(_) => None,
        }
    }

    /// All certificates that it shows, each perhaps several times.
    fn all(&self) -> Vec<(&str, &Arc<CertifiedKey>)> {
        match self {
            Self::One(certified) => vec![("", certified)],
            Self::ByName(certificates) => {
                certificates.named().chain([("", certificates.default_certificate())]).collect()
            }
        }
    }

    /// The certificate for exactly this name; the empty one is for clients without a name.
    fn exact(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        match (self, name) {
            (Self::One(certified), _) => Some(certified),
            (Self::ByName(certificates), "") => Some(certificates.default_certificate()),
            (Self::ByName(certificates), name) => certificates.exact(name),
        }
    }

    /// The certificates that `before` does not have, once each, in the order of their subjects.
    pub(crate) fn new_since(&self, before: &Self) -> Vec<CertificateFacts> {
        let old: Vec<_> = before.all().into_iter().map(|(_, certified)| &certified.cert).collect();
        let mut new: Vec<&CertifiedKey> = Vec::new();
        for (_, certified) in self.all() {
            let is_known = old.contains(&&certified.cert)
                || new.iter().any(|other| other.cert == certified.cert);
            if !is_known {
                new.push(certified);
            }
        }
        let leaves = new.into_iter().filter_map(|certified| certified.cert.first());
        let mut facts: Vec<_> = leaves.filter_map(|leaf| CertificateFacts::of(leaf).ok()).collect();
        facts.sort_by(|one, other| one.subject.cmp(&other.subject));
        facts
    }

    /// The first end of a certificate in any of its chains, in UNIX time.
    pub(crate) fn first_end(&self) -> Option<i64> {
        let all = self.all();
        let chains = all.iter().flat_map(|(_, certified)| &certified.cert);
        chains.filter_map(|it| CertificateFacts::of(it).ok()).map(|facts| facts.not_after).min()
    }

    /// Whether both show the same certificates for the same names.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let (own, others) = (self.all(), other.all());
        own.len() == others.len()
            && own.into_iter().all(|(name, certified)| {
                other.exact(name).is_some_and(|other| {
                    other.cert == certified.cert && other.ocsp == certified.ocsp
                })
            })
    }

    /// The first thing that `before` had and this has not, where the files look as if a program were still
    /// writing them.
    pub(crate) fn loss_since(&self, before: &Self) -> Option<Loss> {
        for (name, old) in before.all() {
            match self.exact(name) {
                None => {
                    if let Some(file) = self.half_pair(name) {
                        return Some(Loss::Name { name: name.to_owned(), file });
                    }
                }
                Some(new) if old.cert.len() > 1 && new.cert.len() == 1 => {
                    let facts = new.cert.first().and_then(|leaf| CertificateFacts::of(leaf).ok());
                    if let Some(facts) = facts.filter(|facts| !facts.is_self_issued()) {
                        return Some(Loss::Chain(facts));
                    }
                }
                Some(_) => {}
            }
        }
        None
    }

    /// A file that may be meant for this name: with its certificate alone, with a key alone, or empty.
    fn half_pair(&self, name: &str) -> Option<PathBuf> {
        let Self::ByName(certificates) = self else { return None };
        let unpaired = certificates.unpaired();
        let certificate = unpaired.certificates.get(name);
        certificate.or(unpaired.keys.first()).or(unpaired.empty.first()).cloned()
    }
}
