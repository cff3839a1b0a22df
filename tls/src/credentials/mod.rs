//! Certificates, keys and roots from PEM files.
//!
//! Invariant: a file is read once for each configuration, never during a handshake, and every error names its
//! file.

mod by_name;
mod certificate_facts;
mod credentials_error;
mod directory;
mod file_stamps;
mod found_blocks;
mod identity;
mod key_kind;
mod loaded;
mod pem;
mod pem_file;
mod staple;
#[cfg(feature = "system-roots")]
mod system;
mod trust;
mod trusted_uses;

pub use by_name::UnknownName;
pub use certificate_facts::CertificateFacts;
pub(crate) use certificate_facts::date;
pub use credentials_error::CredentialsError;
pub(crate) use credentials_error::shown;
pub(crate) use file_stamps::FileStamps;
pub use found_blocks::FoundBlocks;
pub(crate) use identity::Identity;
pub(crate) use loaded::{Certificates, Loaded, Loss};
pub use pem::{PemBlock, PemFault, PemProblem, PemText, read_pem};
pub(crate) use pem_file::Named;
#[cfg(feature = "system-roots")]
pub(crate) use system::system_anchors;
pub(crate) use trust::{Peers, TrustAnchors, trust_anchors_of};
