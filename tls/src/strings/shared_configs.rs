//! [`SharedConfigs`]: the TLS configurations of endpoints on several threads.
//!
//! Invariant: the files of one string are read once, by the thread that needs them first.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ClientConfig, ServerConfig};

use super::client::{Shown, Trust};
use super::server::Certificates;
use super::versions::Versions;
use crate::credentials::CredentialsError;

/// What the `ssl:` and `tls:` endpoints of several registries share, each on a thread of its own: their
/// certificates and keys, which are read once; the keys of the servers' tickets, so that a client resumes
/// its session with any of them; and the sessions that the clients have. A clone is the same.
///
/// A configuration is kept, so files that change are not read again. See
/// [`register_sharing`](crate::register_sharing).
#[derive(Clone, Default)]
pub struct SharedConfigs(Arc<Configs>);

#[derive(Default)]
struct Configs {
    servers: Kept<(Certificates, Versions), ServerConfig>,
    clients: Kept<(Trust, Shown), ClientConfig>,
}

/// Configurations, by what they are read from.
struct Kept<K, C>(Mutex<Vec<(K, Arc<C>)>>);

impl<K, C> Default for Kept<K, C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: PartialEq, C> Kept<K, C> {
    fn get_or(
        &self,
        key: K,
        read: impl FnOnce() -> Result<Arc<C>, CredentialsError>,
    ) -> Result<Arc<C>, CredentialsError> {
        // Locked while the files are read, as the other threads want what is read.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, config)) = kept.iter().find(|(other, _)| *other == key) {
            return Ok(Arc::clone(config));
        }
        let config = read()?;
        kept.push((key, Arc::clone(&config)));
        Ok(config)
    }
}

impl SharedConfigs {
    /// Shares nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A server's configuration for these files; `read` makes it for the first thread that asks.
    pub(super) fn server_or(
        &self,
        certificates: &Certificates,
        versions: Versions,
        read: impl FnOnce() -> Result<Arc<ServerConfig>, CredentialsError>,
    ) -> Result<Arc<ServerConfig>, CredentialsError> {
        self.0.servers.get_or((certificates.clone(), versions), read)
    }

    /// A client's configuration for these files; `read` makes it for the first thread that asks.
    pub(super) fn client_or(
        &self,
        trust: &Trust,
        shown: &Shown,
        read: impl FnOnce() -> Result<Arc<ClientConfig>, CredentialsError>,
    ) -> Result<Arc<ClientConfig>, CredentialsError> {
        self.0.clients.get_or((trust.clone(), shown.clone()), read)
    }
}

impl fmt::Debug for SharedConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConfigs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;

    use rustls::server::ResolvesServerCertUsingSni;

    use super::*;
    use crate::credentials::{Identity, Named};

    fn server() -> Arc<ServerConfig> {
        let provider = Arc::new(crate::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Arc::new(config)
    }

    fn directory(path: &str) -> Certificates {
        Certificates::ByName(Named::new("path", path))
    }

    #[test]
    fn the_files_of_one_string_are_read_once_and_those_of_others_by_themselves() {
        let (shared, reads) = (SharedConfigs::new(), Cell::new(0));
        let ask = |path: &str, versions| {
            let read = || {
                reads.set(reads.get() + 1);
                Ok(server())
            };
            shared.clone().server_or(&directory(path), versions, read).expect("it reads nothing")
        };
        let first = ask("a", Versions::All);
        assert!(Arc::ptr_eq(&first, &ask("a", Versions::All)));
        assert_eq!(reads.get(), 1);
        assert!(!Arc::ptr_eq(&first, &ask("b", Versions::All)));
        assert!(!Arc::ptr_eq(&first, &ask("a", Versions::Tls13)));
        assert_eq!(reads.get(), 3);
    }

    #[test]
    fn files_that_cannot_be_read_are_tried_again() {
        let shared = SharedConfigs::new();
        let error = rustls::Error::HandshakeNotComplete;
        let failed = shared.server_or(&directory("a"), Versions::All, || {
            Err(CredentialsError::Unsupported(error))
        });
        assert!(failed.is_err());
        assert!(shared.server_or(&directory("a"), Versions::All, || Ok(server())).is_ok());
    }

    #[test]
    fn clients_that_trust_or_show_others_are_read_by_themselves() {
        let (shared, reads) = (SharedConfigs::new(), Cell::new(0));
        let ask = |trust: &Trust, shown: &Shown| {
            let read = || {
                reads.set(reads.get() + 1);
                let provider = Arc::new(crate::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .expect("the provider has them")
                    .with_root_certificates(rustls::RootCertStore::empty())
                    .with_no_client_auth();
                Ok(Arc::new(config))
            };
            shared.clone().client_or(trust, shown, read).expect("it reads nothing")
        };
        let file = |path: &str| Named::new("certKey", path);
        let shown = Some(Identity { certificate: file("c"), key: file("k"), extra_chain: None });
        let trusts = [Trust::Public, Trust::Directory(file("d")), Trust::DangerAnyone];
        for trust in &trusts {
            assert!(Arc::ptr_eq(&ask(trust, &None), &ask(trust, &None)));
            assert!(!Arc::ptr_eq(&ask(trust, &None), &ask(trust, &shown)));
        }
        assert_eq!(reads.get(), 6);
    }

    #[test]
    fn threads_have_the_same_configuration() {
        let shared = SharedConfigs::new();
        let ask = || shared.server_or(&directory("a"), Versions::All, || Ok(server())).ok();
        let configs = thread::scope(|scope| {
            [scope.spawn(ask), scope.spawn(ask)].map(|thread| thread.join().ok().flatten())
        });
        let [Some(one), Some(other)] = configs else { panic!("both have one") };
        assert!(Arc::ptr_eq(&one, &other));
    }
}
