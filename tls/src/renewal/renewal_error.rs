//! [`RenewalError`]: why changed files of certificates are not used.
//!
//! Invariant: it says that the old certificates stay, which file is wrong and how.

use std::path::PathBuf;

use crate::credentials::{CertificateFacts, CredentialsError, Loss, shown};

/// Changed files of certificates cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the changed certificates of `{}` are not used, and those from before are kept",
    shown(path)
)]
#[non_exhaustive]
pub struct RenewalError {
    /// The file of the certificate, or the directory.
    pub path: PathBuf,
    /// The fault of the files.
    #[source]
    pub fault: RenewalFault,
}

/// The faults of changed files of certificates.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalFault {
    /// A file cannot be read or used, or a key is of another certificate.
    #[error(transparent)]
    Files(#[from] CredentialsError),
    /// The new certificate is not valid today, by the clock of this machine.
    #[error("the new certificate is not valid now: {0}: renew it, or set the clock")]
    NotValidNow(Box<CertificateFacts>),
    /// A name has no pair any more, and there is half a pair or an empty file: it may still be being
    /// written.
    #[error(
        "`{}` would have no certificate with its key any more, and the file `{}` has no whole pair: \
         expected both",
        interfaces::printable(name),
        shown(file)
    )]
    HalfPair {
        /// The name; empty for clients that ask for none.
        name: String,
        /// The file with half a pair, or nothing.
        file: PathBuf,
    },
    /// The new certificate comes alone, where the one before it came with its authorities.
    #[error(
        "the new certificate comes without the authorities that vouch for it, which the one before it \
         had: {0}: add them behind it"
    )]
    WithoutChain(Box<CertificateFacts>),
}

impl From<Loss> for RenewalFault {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Name { name, file } => Self::HalfPair { name, file },
            Loss::Chain(facts) => Self::WithoutChain(Box::new(facts)),
        }
    }
}
