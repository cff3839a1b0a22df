//! [`default_provider`]: the cryptography that the features choose, with AES-128 first.
//!
//! Invariant: it has the suites and groups that rustls offers by default, no more and no less.

use rustls::crypto::CryptoProvider;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as chosen;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as chosen;
use rustls::{CipherSuite, NamedGroup};

/// rustls's default provider (aws-lc-rs, or ring where that feature is off) with the suites of
/// AES-128-GCM before all others. [`register`](crate::register) uses it.
///
/// rustls puts AES-256 first, whose SHA-384 makes a handshake a fifth dearer than SHA-256, for
/// which processors have instructions. AES-128 is what every implementation of TLS 1.3 must have
/// (RFC 8446 section 9.1), and the first choice of browsers, BoringSSL and Go.
///
/// The post-quantum hybrid X25519MLKEM768 is the first key exchange, where the provider has it: with
/// rustls that depends on a feature, which any crate of a program may switch.
///
/// Where AES-256 has to be first, or the processor has no instructions for AES, use
/// [`register_with_provider`](crate::register_with_provider), which keeps the order of the provider
/// that it is given.
///
/// # Examples
///
/// A server's own configuration that chooses as servers from strings do:
///
/// ```
/// # use ropewalk_tls as tls;
/// # use std::sync::Arc;
/// # use rustls::pki_types::PrivatePkcs8KeyDer;
/// # let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
/// # let (chain, key) = (vec![own.cert.der().clone()], own.signing_key.serialize_der());
/// # let key = PrivatePkcs8KeyDer::from(key).into();
/// let provider = Arc::new(tls::default_provider());
/// let mut config = rustls::ServerConfig::builder_with_provider(provider)
///     .with_safe_default_protocol_versions()?
///     .with_no_client_auth()
///     .with_single_cert(chain, key)?;
/// config.ignore_client_order = true;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn default_provider() -> CryptoProvider {
    let mut provider = chosen::default_provider();
    // A stable sort: those of TLS 1.3 stay before those of TLS 1.2, and AES-256 before ChaCha20.
    provider
        .cipher_suites
        .sort_by_key(|suite| (suite.tls13().is_none(), !is_aes_128(suite.suite())));
    provider.kx_groups.sort_by_key(|group| group.name() != NamedGroup::X25519MLKEM768);
    provider
}

/// The ticketer that seals a server's sessions, with keys of its own; `None` where the system has no
/// random numbers, without which no handshake works either.
#[cfg(feature = "endpoints")]
pub(crate) fn ticketer() -> Option<std::sync::Arc<dyn rustls::server::ProducesTickets>> {
    chosen::Ticketer::new().ok()
}

fn is_aes_128(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use CipherSuite as Suite;

    #[test]
    fn only_the_order_is_not_rustlss() {
        let names = |provider: &CryptoProvider| -> Vec<Suite> {
            provider.cipher_suites.iter().map(|suite| suite.suite()).collect()
        };
        let provider = default_provider();
        assert_eq!(
            names(&provider),
            [
                Suite::TLS13_AES_128_GCM_SHA256,
                Suite::TLS13_AES_256_GCM_SHA384,
                Suite::TLS13_CHACHA20_POLY1305_SHA256,
                Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            ]
        );
        let theirs = chosen::default_provider();
        let sorted = |mut suites: Vec<Suite>| {
            suites.sort_by_key(|suite| u16::from(*suite));
            suites
        };
        assert_eq!(sorted(names(&provider)), sorted(names(&theirs)));
        let groups = |provider: &CryptoProvider| -> Vec<_> {
            let mut groups: Vec<_> =
                provider.kx_groups.iter().map(|group| u16::from(group.name())).collect();
            groups.sort_unstable();
            groups
        };
        assert_eq!(groups(&provider), groups(&theirs));
        #[cfg(feature = "aws-lc-rs")]
        assert_eq!(provider.kx_groups[0].name(), NamedGroup::X25519MLKEM768);
    }
}
