//! [`ClientNames`]: which of the clients that the authorities vouch for are let in.
//!
//! Invariant: without a name every one of them is, and with names one that has any of them.

use rustls::crypto::CryptoProvider;

use super::key_pin::KeyPin;
use crate::credentials::CertificateFacts;

/// The clients that a server takes, by what their certificates say. One that any of these is true of is taken;
/// with none of them each client is whose certificate was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientNames {
    /// The first common name of the subject is one of these.
    pub common_names: Vec<String>,
    /// One of the DNS names is one of these, in lower case; a wildcard in a certificate stands for itself.
    pub dns_names: Vec<String>,
    /// One of the URIs is one of these, such as `spiffe://example.org/web`.
    pub uris: Vec<String>,
    /// The public key is one of these.
    pub keys: Vec<KeyPin>,
}

impl ClientNames {
    /// Whether a client with this certificate is taken.
    pub(super) fn take(&self, facts: &CertificateFacts, provider: &CryptoProvider) -> bool {
        let Self { common_names, dns_names, uris, keys } = self;
        let has_pin = || KeyPin::of_facts(facts, provider).is_some_and(|pin| keys.contains(&pin));
        self.is_empty()
            || facts.common_name.as_ref().is_some_and(|name| common_names.contains(name))
            || facts.dns_names.iter().any(|name| dns_names.contains(name))
            || facts.uris.iter().any(|uri| uris.contains(uri))
            || (!keys.is_empty() && has_pin())
    }

    fn is_empty(&self) -> bool {
        let Self { common_names, dns_names, uris, keys } = self;
        common_names.is_empty() && dns_names.is_empty() && uris.is_empty() && keys.is_empty()
    }
}
