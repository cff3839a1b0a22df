//! PEM files and directories of them.
//!
//! Invariant: a file is read to its end before any block of it is used, and no read blocks for ever or
//! has no end: only regular files are read, and no more of them than the limits here.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::CredentialsError;

/// A path, and the argument that named it.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    fn unreadable(&self, source: io::Error) -> CredentialsError {
        CredentialsError::Unreadable { argument: self.argument, path: self.path.clone(), source }
    }

    /// Reads the file. Text around the blocks is ignored, as are blocks of other kinds.
    pub(super) fn read(&self) -> Result<PemFile, CredentialsError> {
        let text = self.bytes()?;
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

    /// The content of the file, if it is a regular one.
    fn bytes(&self) -> Result<Vec<u8>, CredentialsError> {
        let file = open(&self.path).map_err(|error| match fs::metadata(&self.path) {
            // A socket, which cannot be opened at all.
            Ok(metadata) if !metadata.is_file() => self.not_a_file(metadata.file_type()),
            _ => self.unreadable(error),
        })?;
        let metadata = file.metadata().map_err(|error| self.unreadable(error))?;
        if !metadata.is_file() {
            return Err(self.not_a_file(metadata.file_type()));
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut text)
            .map_err(|error| self.unreadable(error))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            let Self { argument, path } = self.clone();
            return Err(CredentialsError::TooLarge { argument, path, limit: FILE_BYTES_MAX });
        }
        Ok(text)
    }

    fn not_a_file(&self, found: FileType) -> CredentialsError {
        let Self { argument, path } = self.clone();
        CredentialsError::NotAFile { argument, path, kind: kind(found) }
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
        let mut seen = 0;
        while let Some((directory, depth)) = directories.pop() {
            let here = self.at(directory);
            let entries = fs::read_dir(&here.path).map_err(|error| here.unreadable(error))?;
            for entry in entries {
                let path = entry.map_err(|error| here.unreadable(error))?.path();
                seen += 1;
                if seen > DIRECTORY_ENTRIES_MAX {
                    let (Self { argument, path }, limit) = (self.clone(), DIRECTORY_ENTRIES_MAX);
                    return Err(CredentialsError::TooManyFiles { argument, path, limit });
                }
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

/// How many files and directories below a directory are looked at.
const DIRECTORY_ENTRIES_MAX: usize = 100_000;

/// The largest file that is read: the certificates of all public authorities are a quarter of a MiB.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Opens a file to read it. What is not a regular one neither blocks here nor becomes the terminal of
/// this process.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}

/// The kind of a path that is of no regular file.
fn kind(found: FileType) -> &'static str {
    #[cfg(unix)]
    if found.is_fifo() {
        return "a FIFO";
    } else if found.is_socket() {
        return "a socket";
    } else if found.is_char_device() || found.is_block_device() {
        return "a device";
    }
    if found.is_dir() { "a directory" } else { "no regular file" }
}

fn is_pem(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pem"))
}

fn holds(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}
