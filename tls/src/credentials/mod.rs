//! Certificates, keys and roots from PEM files, as endpoint strings name them.
//!
//! Invariant: a file is read once for each listen or first connect, never during a handshake, and
//! every error names its file.

mod by_name;
mod certificate_names;
mod credentials_error;
mod identity;
mod pem_file;
mod trust;

pub(crate) use by_name::certificates_by_name;
pub use credentials_error::CredentialsError;
pub(crate) use identity::Identity;
pub(crate) use pem_file::Named;
pub(crate) use trust::{AnyCertificate, roots_of};
