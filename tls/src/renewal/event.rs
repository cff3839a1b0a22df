//! [`Renewal`]: the outcome of a look at the files.
//!
//! Invariant: as text it is one sentence, with the file and what follows for handshakes.

use std::fmt;
use std::path::PathBuf;

use super::renewal_error::RenewalError;
use crate::credentials::{CertificateFacts, shown};

/// The outcome of a look at files of certificates: those that a side shows, or of the authorities of its peers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Renewal {
    /// New handshakes use what is in the files now.
    Renewed {
        /// The file of the certificate, or the directory.
        path: PathBuf,
        /// The certificates that were not there before. None, where some were only removed.
        certificates: Vec<CertificateFacts>,
    },
    /// The files have the certificates that are used already.
    Unchanged {
        /// The file of the certificate, or the directory.
        path: PathBuf,
    },
    /// The files cannot be used; handshakes go on with the certificates from before.
    Refused(RenewalError),
}

/// How many certificates are named.
const CERTIFICATES_TOLD_MAX: usize = 3;

impl fmt::Display for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renewed { path, certificates } => {
                write!(f, "the certificates of `{}` were renewed", shown(path))?;
                for (index, facts) in certificates.iter().take(CERTIFICATES_TOLD_MAX).enumerate() {
                    write!(f, "{} {facts}", if index == 0 { ":" } else { ";" })?;
                }
                match certificates.len().saturating_sub(CERTIFICATES_TOLD_MAX) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
            Self::Unchanged { path } => {
                write!(f, "the certificates of `{}` are as before", shown(path))
            }
            Self::Refused(error) => write!(f, "{}", deferred::Chain(error)),
        }
    }
}
