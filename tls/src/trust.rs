//! The public certificate authorities; Twisted's `platformTrust`.
//!
//! Invariant: the list is a part of the program, so that what is trusted does not depend on the
//! machine.

use rustls::RootCertStore;

/// The roots that Mozilla trusts, as webpki-roots has them: for a client of public servers.
///
/// # Differences from Twisted
///
/// Twisted trusts what the platform's store has.
pub fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}
