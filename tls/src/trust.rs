//! The public certificate authorities; Twisted's `platformTrust`.
//!
//! Invariant: the list is compiled in, and does not depend on the machine.

use rustls::RootCertStore;

/// The roots that Mozilla trusts, from webpki-roots: for a client of public servers.
///
/// # Differences from Twisted
///
/// Twisted trusts the roots in the platform's store.
pub fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}
