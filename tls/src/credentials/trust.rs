//! The certificates that peers are verified with, from a file or directory.
//!
//! Invariant: a store without certificates, which trusts no peer, is an error; what is not used of the files
//! is told.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::certificate_facts::CertificateFacts;
use super::found_blocks::FoundBlocks;
use super::pem_file::{PemCertificate, PemFile};
use super::{CredentialsError, Named};

/// The peers that are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peers {
    Servers,
    Clients,
}

/// Trusted certificates.
#[derive(Debug)]
pub(crate) struct TrustAnchors {
    /// They as authorities.
    pub(crate) roots: RootCertStore,
    /// They as they are: a peer may show one of them.
    pub(crate) given: Vec<CertificateDer<'static>>,
}

impl TrustAnchors {
    /// The authorities alone.
    pub(crate) fn of_authorities(roots: RootCertStore) -> Self {
        Self { roots, given: Vec::new() }
    }
}

/// The certificates in a file, or in the files of a directory that are named as certificates are. Doubles
/// count once. `tell` takes the error about each file or certificate that is not used.
///
/// # Errors
///
/// The first of these errors where no certificate is left, or that the path cannot be read.
pub(crate) fn trust_anchors_of(
    place: &Named,
    peers: Peers,
    tell: &dyn Fn(&CredentialsError),
) -> Result<TrustAnchors, CredentialsError> {
    let mut reading = Reading { peers, skipped: Vec::new(), found: TrustAnchors::none() };
    let files = place.pem_files(|error| reading.skipped.push(error))?;
    let is_directory = !matches!(&*files, [file] if file.path == place.path);
    for file in files {
        match file.read() {
            Ok(content) => reading.take(&file, content),
            Err(error) if !is_directory => return Err(error),
            Err(error) => reading.skipped.push(error),
        }
    }
    let Reading { skipped, found, .. } = reading;
    if found.given.is_empty() {
        let Named { argument, path } = place.clone();
        let none = CredentialsError::NoCertificates { argument, path };
        return Err(skipped.into_iter().next().unwrap_or(none));
    }
    skipped.iter().for_each(tell);
    Ok(found)
}

/// The files read so far.
struct Reading {
    peers: Peers,
    skipped: Vec<CredentialsError>,
    found: TrustAnchors,
}

impl Reading {
    fn take(&mut self, file: &Named, content: PemFile) {
        if content.certificates.is_empty() && content.faults.is_empty() {
            self.skipped.push(file.no_certificate(&content.others));
        }
        self.skipped.extend(content.faults.into_iter().map(|fault| file.broken(fault)));
        for certificate in content.certificates {
            if !self.found.given.contains(&certificate.der)
                && let Err(problem) = self.found.add(&certificate, self.peers)
            {
                let facts = CertificateFacts::of(&certificate.der).ok().map(Box::new);
                let (argument, path, line) = (file.argument, file.path.clone(), certificate.line);
                self.skipped.push(CredentialsError::NotTrusted {
                    argument,
                    path,
                    line,
                    facts,
                    problem,
                });
            }
        }
    }
}

impl TrustAnchors {
    fn none() -> Self {
        Self::of_authorities(RootCertStore::empty())
    }

    /// Adds it, or says why it is not used.
    fn add(&mut self, certificate: &PemCertificate, peers: Peers) -> Result<(), &'static str> {
        let is_trusted = match peers {
            Peers::Servers => certificate.trusted.servers,
            Peers::Clients => certificate.trusted.clients,
        };
        if !is_trusted {
            return Err("its block `TRUSTED CERTIFICATE` does not trust it for this use");
        }
        if self.roots.add(certificate.der.clone()).is_err() {
            return Err("it is damaged");
        }
        self.given.push(certificate.der.clone());
        Ok(())
    }
}

impl Named {
    /// The error that the file has no certificate.
    pub(super) fn no_certificate(&self, others: &[String]) -> CredentialsError {
        let Self { argument, path } = self.clone();
        let found = FoundBlocks::of(others);
        CredentialsError::NoCertificate { argument, path, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// endpoint-ssl-027
    #[test]
    fn doubles_and_what_is_no_certificate_add_no_authority() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("it can be written");
        };
        let [one, two] = ["one.example", "two.example"].map(|name| {
            rcgen::generate_simple_self_signed([name.to_owned()])
                .expect("it can be made")
                .cert
                .pem()
        });
        write("thing1.pem", &one);
        write("thing2.pem", &two);
        write("copy-of-thing2.PEM", &two);
        write("note.pem", "no certificate");
        let told = std::cell::RefCell::new(Vec::new());
        let tell = |error: &CredentialsError| told.borrow_mut().push(error.to_string());
        let place = Named::new("caCertsDir", directory.path());
        let anchors = trust_anchors_of(&place, Peers::Servers, &tell).expect("there are two");
        assert_eq!((anchors.roots.len(), anchors.given.len()), (2, 2));
        let told = told.into_inner();
        assert!(
            matches!(&*told, [told] if told.contains("no certificate in the file") && told.contains("note.pem")),
            "{told:?}"
        );
    }
}
