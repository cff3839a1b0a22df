//! The certificates of the system's store; Twisted's `platformTrust`.
//!
//! Invariant: what of the store cannot be read is told, and a store without certificates is an error.

use rustls::RootCertStore;
use rustls_native_certs::load_native_certs;

use super::{CredentialsError, TrustAnchors};

/// The authorities of the system's store, or of the one that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
///
/// # Errors
///
/// [`CredentialsError::NoSystemRoots`].
pub(crate) fn system_anchors(
    tell: &dyn Fn(&CredentialsError),
) -> Result<TrustAnchors, CredentialsError> {
    let loaded = load_native_certs();
    let mut roots = RootCertStore::empty();
    // A store has certificates that are too old to be read, in every system.
    roots.add_parsable_certificates(loaded.certs.iter().cloned());
    let problems: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    if roots.is_empty() {
        return Err(CredentialsError::NoSystemRoots { problems });
    }
    if !problems.is_empty() {
        tell(&CredentialsError::SystemRootsSkipped { problems });
    }
    Ok(TrustAnchors { roots, given: loaded.certs })
}
