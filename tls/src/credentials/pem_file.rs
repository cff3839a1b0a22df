//! PEM files and directories of them.
//!
//! Invariant: a file is read to its end before any block of it is used, and no read blocks for ever or
//! has no end: only regular files are read, and no more of them than the limits here.

use std::ffi::OsStr;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::CredentialsError;
use super::certificate_facts::split_certificate;
use super::pem::{PemBlock, PemFault, PemProblem, PemText, read_pem};
use super::trusted_uses::TrustedUses;

/// A path, and the argument that named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) argument: &'static str,
    pub(crate) path: PathBuf,
}

/// The certificates and keys of a PEM file, in their order.
#[derive(Default)]
pub(super) struct PemFile {
    pub(super) certificates: Vec<PemCertificate>,
    pub(super) keys: Vec<PrivateKeyDer<'static>>,
    /// One of the keys needs a passphrase.
    pub(super) has_encrypted_key: bool,
    /// The labels of blocks of other kinds.
    pub(super) others: Vec<String>,
    /// The broken blocks.
    pub(super) faults: Vec<PemFault>,
}

/// A certificate of a PEM file.
pub(super) struct PemCertificate {
    pub(super) der: CertificateDer<'static>,
    /// The line of its block.
    pub(super) line: usize,
    /// The uses that OpenSSL's `TRUSTED CERTIFICATE` limits it to as an authority.
    pub(super) trusted: TrustedUses,
}

impl Named {
    pub(crate) fn new(argument: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { argument, path: path.into() }
    }

    /// Another path, within the directory of the same argument.
    pub(super) fn at(&self, path: PathBuf) -> Self {
        Self { argument: self.argument, path }
    }

    /// The error that the system does not let it be read.
    pub(crate) fn unreadable(&self, source: io::Error) -> CredentialsError {
        let (Self { argument, path }, source) = (self.clone(), Arc::new(source));
        CredentialsError::Unreadable { argument, path, source }
    }

    /// Reads the file. Text around the blocks is ignored.
    pub(super) fn read(&self) -> Result<PemFile, CredentialsError> {
        let PemText { blocks, faults } = read_pem(&self.bytes()?);
        let mut file = PemFile { faults, ..PemFile::default() };
        for block in blocks {
            file.take(block);
        }
        Ok(file)
    }

    /// Reads the file, in which nothing may be broken.
    pub(super) fn read_whole(&self) -> Result<PemFile, CredentialsError> {
        let mut file = self.read()?;
        match file.faults.is_empty() {
            true => Ok(file),
            false => Err(self.broken(file.faults.swap_remove(0))),
        }
    }

    /// The error about a broken block.
    pub(super) fn broken(&self, fault: PemFault) -> CredentialsError {
        let Self { argument, path } = self.clone();
        CredentialsError::Broken { argument, path, fault }
    }

    /// The content of the file, if it is a regular one.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, CredentialsError> {
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

    /// The files below the directory whose names are those of certificates (see [`is_pem`]), sorted; or the
    /// path itself, if it is a file. `skipped` takes the error about a sub-directory that cannot be read.
    pub(crate) fn pem_files(
        &self,
        mut skipped: impl FnMut(CredentialsError),
    ) -> Result<Vec<Named>, CredentialsError> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.unreadable(error))?;
        if !metadata.is_dir() {
            return Ok(vec![self.clone()]);
        }
        let mut found = Vec::new();
        let mut directories = vec![(self.path.clone(), 0)];
        let mut seen = 0;
        while let Some((directory, depth)) = directories.pop() {
            let here = self.at(directory);
            let entries = match fs::read_dir(&here.path) {
                Ok(entries) => entries,
                Err(error) if depth == 0 => return Err(here.unreadable(error)),
                Err(error) => {
                    skipped(here.unreadable(error));
                    continue;
                }
            };
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
                } else if is_pem(&path) {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found.into_iter().map(|path| self.at(path)).collect())
    }
}

impl PemFile {
    fn take(&mut self, block: PemBlock) {
        let PemBlock { label, line, der, is_encrypted } = block;
        match &*label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let trusted = TrustedUses::default();
                self.certificates.push(PemCertificate { der: der.into(), line, trusted });
            }
            "TRUSTED CERTIFICATE" => match split_certificate(&der) {
                Some((certificate, rest)) => {
                    let (trusted, der) = (TrustedUses::of(rest), certificate.to_vec().into());
                    self.certificates.push(PemCertificate { der, line, trusted });
                }
                None => {
                    let problem = PemProblem::NoCertificate { label };
                    self.faults.push(PemFault { line, problem });
                }
            },
            "ENCRYPTED PRIVATE KEY" => self.has_encrypted_key = true,
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" if is_encrypted => {
                self.has_encrypted_key = true;
            }
            "PRIVATE KEY" => self.keys.push(PrivateKeyDer::Pkcs8(der.into())),
            "RSA PRIVATE KEY" => self.keys.push(PrivateKeyDer::Pkcs1(der.into())),
            "EC PRIVATE KEY" => self.keys.push(PrivateKeyDer::Sec1(der.into())),
            // What `openssl ecparam -genkey` writes before the key, which has them, too.
            "EC PARAMETERS" => {}
            _ => self.others.push(label),
        }
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

/// Whether a file's name is one of a certificate: it ends in `.pem`, `.crt` or `.cer`, in upper or lower
/// case, or is a hash as `openssl rehash` makes it (`5ed36f99.0`).
fn is_pem(path: &Path) -> bool {
    let Some(extension) = path.extension().and_then(OsStr::to_str) else { return false };
    let is_named = ["pem", "crt", "cer"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    is_named || (extension.bytes().all(|byte| byte.is_ascii_digit()) && is_hash(path.file_stem()))
}

fn is_hash(stem: Option<&OsStr>) -> bool {
    let stem = stem.map(OsStr::as_encoded_bytes).unwrap_or_default();
    stem.len() == 8 && stem.iter().all(u8::is_ascii_hexdigit)
}
