//! PEM files and directories of them.
//!
//! Invariant: a file is read to its end before any block of it is used.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::CredentialsError;

/// A path, and the argument that named it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) argument: &'static str,
    pub(crate) path: PathBuf,
}

/// The blocks of a PEM file.
pub(super) struct PemFile {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) keys: Vec<PrivateKeyDer<'static>>,
    /// One of the keys needs a passphrase.
    pub(super) has_encrypted_key: bool,
}

impl Named {
    pub(crate) fn new(argument: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { argument, path: path.into() }
    }

    /// Another path, within the directory of the same argument.
    fn at(&self, path: PathBuf) -> Self {
        Self { argument: self.argument, path }
    }

    fn unreadable(&self, source: std::io::Error) -> CredentialsError {
        CredentialsError::Unreadable { argument: self.argument, path: self.path.clone(), source }
    }

    /// Reads the file. Text around the blocks is ignored, as are blocks of other kinds.
    pub(super) fn read(&self) -> Result<PemFile, CredentialsError> {
        let text = fs::read(&self.path).map_err(|error| self.unreadable(error))?;
        let (mut certificates, mut keys) = (Vec::new(), Vec::new());
        for section in <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(&text) {
            let (kind, der) = section.map_err(|error| CredentialsError::NotPem {
                argument: self.argument,
                path: self.path.clone(),
                problem: error.to_string(),
            })?;
            match kind {
                SectionKind::Certificate => certificates.push(der.into()),
                SectionKind::PrivateKey => keys.push(PrivateKeyDer::Pkcs8(der.into())),
                SectionKind::RsaPrivateKey => keys.push(PrivateKeyDer::Pkcs1(der.into())),
                SectionKind::EcPrivateKey => keys.push(PrivateKeyDer::Sec1(der.into())),
                _ => {}
            }
        }
        let has_encrypted_key =
            holds(&text, b"BEGIN ENCRYPTED PRIVATE KEY") || holds(&text, b"Proc-Type: 4,ENCRYPTED");
        Ok(PemFile { certificates, keys, has_encrypted_key })
    }

    /// The files below the directory whose names end in `.pem`, in upper or lower case, sorted; or
    /// the path itself, if it is a file.
    pub(super) fn pem_files(&self) -> Result<Vec<Named>, CredentialsError> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.unreadable(error))?;
        if !metadata.is_dir() {
            return Ok(vec![self.clone()]);
        }
        let mut found = Vec::new();
        let mut directories = vec![(self.path.clone(), 0)];
        while let Some((directory, depth)) = directories.pop() {
            let here = self.at(directory);
            let entries = fs::read_dir(&here.path).map_err(|error| here.unreadable(error))?;
            for entry in entries {
                let path = entry.map_err(|error| here.unreadable(error))?.path();
                // A link to a directory above would be followed for ever.
                if path.is_dir() && depth < DIRECTORY_LEVELS_MAX {
                    directories.push((path, depth + 1));
                } else if is_pem(&path) && path.is_file() {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found.into_iter().map(|path| self.at(path)).collect())
    }
}

/// How many levels below a directory are read.
const DIRECTORY_LEVELS_MAX: usize = 8;

fn is_pem(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pem"))
}

fn holds(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}
