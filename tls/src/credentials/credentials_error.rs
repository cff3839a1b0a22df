//! [`CredentialsError`]: why the files of an endpoint string cannot be used.
//!
//! Invariant: every message about a file names the argument and the file, and says what is expected;
//! none shows its content.

use std::io;
use std::path::{Path, PathBuf};

use interfaces::{Printable, printable};

/// Why the certificates and keys of an endpoint cannot be used. Fails the `listen` or `connect` that
/// needed them.
#[derive(Debug, thiserror::Error)]
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
        source: io::Error,
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
        /// What is there, such as "a FIFO".
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
    /// A file is not the PEM text that it should be.
    #[error(
        "cannot use the file `{}` of `{argument}`: it is not PEM: {}",
        shown(path),
        printable(problem)
    )]
    NotPem {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the PEM parser.
        problem: String,
    },
    /// A file has no certificate.
    #[error(
        "no certificate in the file `{}` of `{argument}`: expected a block `BEGIN CERTIFICATE`",
        shown(path)
    )]
    NoCertificate {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file has no private key.
    #[error(
        "no private key in the file `{}` of `{argument}`: expected a block `BEGIN PRIVATE KEY`, \
         `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`",
        shown(path)
    )]
    NoKey {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A private key is protected by a passphrase, for which an endpoint string has no argument.
    #[error(
        "the private key in the file `{}` of `{argument}` is encrypted: expected one without a \
         passphrase, as `openssl pkey` writes it",
        shown(path)
    )]
    EncryptedKey {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A private key is damaged or of a kind that is not supported.
    #[error(
        "cannot use the private key in the file `{}` of `{argument}`: expected an RSA, ECDSA or \
         Ed25519 key",
        shown(path)
    )]
    BadKey {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
    /// A certificate is damaged.
    #[error("cannot use the first certificate in the file `{}` of `{argument}`", shown(path))]
    BadCertificate {
        /// The argument that names it.
        argument: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
    /// The private key belongs to another certificate.
    #[error(
        "the private key in `{}` does not match the certificate in `{}`: expected the key of the \
         first certificate there",
        shown(key),
        shown(certificate)
    )]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// A directory has no certificate.
    #[error(
        "no certificate in `{}` of `{argument}`: expected a directory with files whose names end in \
         `.pem`",
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
}

/// A path as a line of text.
fn shown(path: &Path) -> Printable<'_> {
    printable(path.as_os_str().as_encoded_bytes())
}
