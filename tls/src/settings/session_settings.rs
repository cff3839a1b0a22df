//! [`SessionSettings`]: the settings that clients and servers have in common.
//!
//! Invariant: the defaults are the provider's, with every version and key exchange that it has.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{KeyLog, NamedGroup};

use super::key_log::KeyLogTo;
use super::version_range::VersionRange;
use crate::credentials::{CredentialsError, Named};

/// What a session is negotiated with, on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSettings {
    /// The application protocols (ALPN, RFC 7301), the preferred one first. A server that has some refuses a
    /// client that offers others. Default none.
    pub alpn: Vec<Vec<u8>>,
    /// The versions of TLS.
    pub versions: VersionRange,
    /// The key exchanges in the order of preference; empty for those of the provider. Without the
    /// post-quantum hybrid X25519MLKEM768 a ClientHello fits into one segment, which some old servers need.
    pub groups: Vec<NamedGroup>,
    /// Whether sessions are resumed. Default yes.
    pub resumes: bool,
    /// A file to write the keys of the sessions to, for Wireshark. All that was sent can be read with them. Default none; the environment is not looked at.
    pub key_log: Option<PathBuf>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            alpn: Vec::new(),
            versions: VersionRange::default(),
            groups: Vec::new(),
            resumes: true,
            key_log: None,
        }
    }
}

impl SessionSettings {
    /// The provider with the wanted key exchanges alone.
    pub(super) fn limited(&self, provider: &Arc<CryptoProvider>) -> Arc<CryptoProvider> {
        if self.groups.is_empty() {
            return provider.clone();
        }
        let known = |name: &NamedGroup| {
            provider.kx_groups.iter().find(|group| group.name() == *name).copied()
        };
        let kx_groups = self.groups.iter().filter_map(known).collect();
        Arc::new(CryptoProvider { kx_groups, ..CryptoProvider::clone(provider) })
    }

    /// Opens the log of keys, if one is wanted, and tells of it.
    pub(super) fn key_log(
        &self,
        tell: &dyn Fn(&CredentialsError),
    ) -> Result<Option<Arc<dyn KeyLog>>, CredentialsError> {
        let Some(path) = self.key_log.clone() else { return Ok(None) };
        let log =
            KeyLogTo::open(&path).map_err(|error| Named::new("keyLog", &path).unreadable(error))?;
        tell(&CredentialsError::KeysAreLogged { path });
        Ok(Some(Arc::new(log)))
    }
}
