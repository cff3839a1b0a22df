//! [`CredentialsError`]: why the files of an endpoint string cannot be used.
//!
//! Invariant: every message about a file names the argument and the file, and says what is expected;
//! none shows its content.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use interfaces::{Printable, printable};

use super::certificate_facts::CertificateFacts;
use super::found_blocks::FoundBlocks;
use super::pem::PemFault;

/// Why the certificates and keys of an endpoint cannot be used. Fails the `listen` or `connect` that
/// needed them.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file is missing or cannot be read.
    #[error("cannot read the file `{}` of `{argument}`", shown(path))]
    Unreadable {
        /// The argument that names it.
        argument: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: Arc<io::Error>,
    },
    /// A path is of no regular file: reading a FIFO, a device or a socket may take for ever.
    #[error(
        "cannot read the file `{}` of `{argument}`: it is {kind}: expected a regular file",
        shown(path)
    )]
    NotAFile {
        /// The argument that names it.
        argument: &'static str,
        /// The path.
        path: PathBuf,
        /// The kind of the path, such as "a FIFO".
        kind: &'static str,
    },
    /// A file is too large to hold certificates and keys.
    #[error(
        "cannot read the file `{}` of `{argument}`: it has more than {limit} bytes: expected \
         certificates and keys alone",
        shown(path)
    )]
    TooLarge {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A directory has too much below it.
    #[error(
        "cannot read the directory `{}` of `{argument}`: it has more than {limit} files and \
         directories below it: expected one with certificates and keys alone",
        shown(path)
    )]
    TooManyFiles {
        /// The argument that names it.
        argument: &'static str,
        /// The directory.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A block of a file is broken, or the file is not PEM.
    #[error("cannot use the file `{}` of `{argument}`: {fault}", shown(path))]
    Broken {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The place and the mistake.
        fault: PemFault,
    },
    /// A certificate of a file is not trusted, though others may be.
    #[error(
        "the certificate at line {line} of the file `{}` of `{argument}` is not trusted: {problem}{}",
        shown(path),
        FactsOf(facts.as_deref())
    )]
    NotTrusted {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The line of its block.
        line: usize,
        /// The certificate, if it can be read.
        facts: Option<Box<CertificateFacts>>,
        /// Why.
        problem: &'static str,
    },
    /// A file has no certificate.
    #[error(
        "no certificate in the file `{}` of `{argument}`: expected a block `BEGIN CERTIFICATE`{found}",
        shown(path)
    )]
    NoCertificate {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The blocks that it has.
        found: FoundBlocks,
    },
    /// A file has no private key.
    #[error(
        "no private key in the file `{}` of `{argument}`: expected a block `BEGIN PRIVATE KEY`, \
         `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`{found}",
        shown(path)
    )]
    NoKey {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The blocks that it has.
        found: FoundBlocks,
    },
    /// A private key is protected by a passphrase, for which an endpoint string has no argument.
    #[error(
        "the private key in the file `{}` of `{argument}` is encrypted: expected one without a \
         passphrase, as `openssl pkey -in {} -out plain.pem` writes it",
        shown(path),
        shown(path)
    )]
    EncryptedKey {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A private key is damaged, or the provider of cryptography has no keys of its kind.
    #[error(
        "cannot use the private key in the file `{}` of `{argument}`: it is {}: expected an RSA key of at \
         least 2048 bits, or one of P-256, P-384 or Ed25519, as `openssl genpkey -algorithm ED25519` makes",
        shown(path),
        KindOf(*kind)
    )]
    BadKey {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The kind of the key, where it is a known one that is not supported, such as `Ed448`.
        kind: Option<&'static str>,
        /// The error of rustls. The text says more for people.
        error: rustls::Error,
    },
    /// A certificate is damaged.
    #[error(
        "cannot use the certificate at line {line} of the file `{}` of `{argument}`: it is damaged",
        shown(path)
    )]
    BadCertificate {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The line of its block.
        line: usize,
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
    /// The private key belongs to another certificate.
    #[error(
        "the private key in `{}` does not match the certificate in `{}`: expected the key of the \
         first certificate there{}",
        shown(key),
        shown(certificate),
        FactsOf(facts.as_deref())
    )]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
        /// The first certificate there.
        facts: Option<Box<CertificateFacts>>,
    },
    /// A directory has no certificate.
    #[error(
        "no certificate in `{}` of `{argument}`: expected a file, or a directory with files whose \
         names end in `.pem`, `.crt` or `.cer`, or are as `openssl rehash` makes them",
        shown(path)
    )]
    NoCertificates {
        /// The argument that names it.
        argument: &'static str,
        /// The directory.
        path: PathBuf,
    },
    /// A directory has no certificate with its key and a DNS name.
    #[error(
        "no usable certificate in `{}` of `{argument}`: expected `.pem` files with a private key \
         and its certificate, which has a DNS name",
        shown(path)
    )]
    NoPair {
        /// The argument that names it.
        argument: &'static str,
        /// The directory.
        path: PathBuf,
    },
    /// The provider of cryptography has no suite for the wanted versions.
    #[error("the provider of cryptography does not support the wanted versions of tls")]
    Unsupported(#[source] rustls::Error),
    /// The provider of cryptography cannot verify certificates, or there are none to verify with.
    #[error("cannot verify certificates: {problem}")]
    Verifier {
        /// The error of rustls.
        problem: String,
    },
    /// The system's store has no certificate.
    #[error(
        "the system's store of certificates is empty: install it, as the package `ca-certificates` \
         does{}",
        Problems(problems)
    )]
    NoSystemRoots {
        /// What could not be read.
        problems: Vec<String>,
    },
    /// A part of the system's store cannot be read. Told to an observer: the other part is used.
    #[error("a part of the system's store of certificates is not used{}", Problems(problems))]
    SystemRootsSkipped {
        /// What could not be read.
        problems: Vec<String>,
    },
    /// A key in a directory has no certificate there. Told to an observer: it is not used.
    #[error(
        "the private key in the file `{}` of `{argument}` is not used: no certificate there is for it",
        shown(path)
    )]
    KeyWithoutCertificate {
        /// The argument that names the directory.
        argument: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// An OCSP response cannot be stapled to the certificate.
    #[error(
        "cannot use the OCSP response in the file `{}` of `{argument}`: {problem}: expected what \
         `openssl ocsp -respout` writes for the certificate",
        shown(path)
    )]
    BadStaple {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The fault of the response.
        problem: &'static str,
    },
    /// The keys of sessions are written to a file. Told to an observer, as all that is sent can be read with
    /// them.
    #[error(
        "the keys of tls sessions are written to `{}`: all that is sent can be read with them",
        shown(path)
    )]
    KeysAreLogged {
        /// The file.
        path: PathBuf,
    },
}

impl CredentialsError {
    /// The error of a verifier that cannot be built.
    pub(crate) fn verifier(error: impl fmt::Display) -> Self {
        Self::Verifier { problem: error.to_string() }
    }
}

/// A path as a line of text.
pub(crate) fn shown(path: &Path) -> Printable<'_> {
    printable(path.as_os_str().as_encoded_bytes())
}

/// A certificate behind the text of an error, if it can be read.
struct FactsOf<'a>(Option<&'a CertificateFacts>);

impl fmt::Display for FactsOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(facts) => write!(f, " (the certificate {facts})"),
            None => Ok(()),
        }
    }
}

/// The fault of a key.
struct KindOf(Option<&'static str>);

impl fmt::Display for KindOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(kind) => write!(f, "of {kind}, which is not supported"),
            None => f.write_str("damaged, or of a kind that is not supported"),
        }
    }
}

/// The first few problems, behind the text of an error.
struct Problems<'a>(&'a [String]);

/// How many problems of the system's store are told.
const PROBLEMS_TOLD_MAX: usize = 3;

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.0.iter().take(PROBLEMS_TOLD_MAX) {
            write!(f, ": {}", printable(problem.as_bytes()))?;
        }
        Ok(())
    }
}
