//! Certificates, keys and roots from PEM files.
//!
//! Invariant: a file is read once for each configuration, never during a handshake, and every error names its
//! file.

mod by_name;
mod certificate_facts;
mod credentials_error;
mod found_blocks;
mod identity;
mod pem;
mod pem_file;
#[cfg(feature = "system-roots")]
mod system;
mod trust;
mod trusted_uses;

pub(crate) use by_name::certificates_by_name;
pub use certificate_facts::CertificateFacts;
pub(crate) use certificate_facts::date;
pub use credentials_error::CredentialsError;
pub use found_blocks::FoundBlocks;
pub(crate) use identity::Identity;
pub use pem::{PemBlock, PemFault, PemProblem, PemText, read_pem};
pub(crate) use pem_file::Named;
#[cfg(feature = "system-roots")]
pub(crate) use system::system_anchors;
pub(crate) use trust::{Peers, TrustAnchors, trust_anchors_of};
