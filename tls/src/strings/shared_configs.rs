//! [`SharedConfigs`]: the TLS configurations of endpoints on several threads.
//!
//! Invariant: the files of one string are read once, by the thread that needs them first.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ClientConfig, ServerConfig};

use super::RenewableConfig;
use crate::credentials::CredentialsError;
use crate::renewal::{CertificateRenewal, Renewal};
use crate::settings::{ClientSettings, ServerSettings};

/// What the `ssl:` and `tls:` endpoints of several registries share, each on a thread of its own: their
/// certificates and keys, which are read once; the keys of the servers' tickets, so that a client resumes
/// its session with any of them; and the sessions that the clients have. A clone is the same.
///
/// A configuration is kept; the certificates in it are renewed when their files change. See
/// [`TlsStrings::with_shared`](crate::TlsStrings::with_shared).
#[derive(Clone, Default)]
pub struct SharedConfigs(Arc<Configs>);

#[derive(Default)]
struct Configs {
    servers: Kept<ServerSettings, RenewableConfig<ServerConfig>>,
    clients: Kept<ClientSettings, RenewableConfig<ClientConfig>>,
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

    fn all(&self) -> impl Iterator<Item = Arc<C>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|(_, config)| Arc::clone(config)).collect::<Vec<_>>().into_iter()
    }
}

impl SharedConfigs {
    /// Shares nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the files of all certificates now, those of servers first, as [`CertificateRenewal::renew`] does; for a signal such
    /// as SIGHUP.
    ///
    /// [`CertificateRenewal::renew`]: crate::CertificateRenewal::renew
    pub fn renew(&self) -> Vec<Renewal> {
        // No lock is held while files are read.
        let servers = self.0.servers.all().map(|read| read.renewal.clone());
        let clients = self.0.clients.all().map(|read| read.renewal.clone());
        let renewals: Vec<_> = servers.chain(clients).collect();
        renewals.iter().flat_map(CertificateRenewal::renew).collect()
    }

    /// The files of all certificates that are shown, those of servers first, as
    /// [`CertificateRenewal::first_ends`] has them.
    ///
    /// [`CertificateRenewal::first_ends`]: crate::CertificateRenewal::first_ends
    pub fn first_ends(&self) -> Vec<(PathBuf, i64)> {
        let servers = self.0.servers.all().flat_map(|read| read.renewal.first_ends());
        servers.chain(self.0.clients.all().flat_map(|read| read.renewal.first_ends())).collect()
    }

    /// A server's configuration for these settings; `read` makes it for the first thread that asks.
    pub(super) fn server_or(
        &self,
        settings: &ServerSettings,
        read: impl FnOnce() -> Result<Arc<RenewableConfig<ServerConfig>>, CredentialsError>,
    ) -> Result<Arc<RenewableConfig<ServerConfig>>, CredentialsError> {
        self.0.servers.get_or(settings.clone(), read)
    }

    /// A client's configuration for these settings; `read` makes it for the first thread that asks.
    pub(super) fn client_or(
        &self,
        settings: &ClientSettings,
        read: impl FnOnce() -> Result<Arc<RenewableConfig<ClientConfig>>, CredentialsError>,
    ) -> Result<Arc<RenewableConfig<ClientConfig>>, CredentialsError> {
        self.0.clients.get_or(settings.clone(), read)
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

    use super::*;
    use crate::settings::{SessionSettings, TlsVersion, Trust};

    /// What a server's files make, as none of these tests looks into it.
    fn server() -> Arc<RenewableConfig<ServerConfig>> {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("it is made");
        let file = tempfile::NamedTempFile::new().expect("there is a place for it");
        let pem = own.cert.pem() + &own.signing_key.serialize_pem();
        std::fs::write(file.path(), pem).expect("it is written");
        let provider = Arc::new(crate::default_provider());
        let settings = ServerSettings::new(file.path(), file.path());
        let read = settings.renewable_config(&provider, None, &|_| {});
        RenewableConfig::of(read.expect("it is a pair"))
    }

    fn directory(path: &str) -> ServerSettings {
        ServerSettings::by_name(path)
    }

    fn of_tls13(path: &str) -> ServerSettings {
        let mut session = SessionSettings::default();
        session.versions = session.versions.at_least(TlsVersion::Tls13).expect("it is one");
        directory(path).with_session(session)
    }

    #[test]
    fn the_files_of_one_string_are_read_once_and_those_of_others_by_themselves() {
        let (shared, reads) = (SharedConfigs::new(), Cell::new(0));
        let ask = |settings: &ServerSettings| {
            let read = || {
                reads.set(reads.get() + 1);
                Ok(server())
            };
            shared.clone().server_or(settings, read).expect("it reads nothing")
        };
        let first = ask(&directory("a"));
        assert!(Arc::ptr_eq(&first, &ask(&directory("a"))));
        assert_eq!(reads.get(), 1);
        assert!(!Arc::ptr_eq(&first, &ask(&directory("b"))));
        assert!(!Arc::ptr_eq(&first, &ask(&of_tls13("a"))));
        assert_eq!(reads.get(), 3);
    }

    #[test]
    fn files_that_cannot_be_read_are_tried_again() {
        let shared = SharedConfigs::new();
        let error = rustls::Error::HandshakeNotComplete;
        let failed =
            shared.server_or(&directory("a"), || Err(CredentialsError::Unsupported(error)));
        assert!(failed.is_err());
        assert!(shared.server_or(&directory("a"), || Ok(server())).is_ok());
    }

    #[test]
    fn clients_that_trust_or_show_others_are_read_by_themselves() {
        let (shared, reads) = (SharedConfigs::new(), Cell::new(0));
        let ask = |settings: &ClientSettings| {
            let read = || {
                reads.set(reads.get() + 1);
                let provider = Arc::new(crate::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .expect("the provider has them")
                    .with_root_certificates(rustls::RootCertStore::empty())
                    .with_no_client_auth();
                Ok(RenewableConfig::of((config, CertificateRenewal::default())))
            };
            shared.clone().client_or(settings, read).expect("it reads nothing")
        };
        for trust in [Trust::Public, Trust::Files("d".into()), Trust::DangerAnyone] {
            let showing_none = ClientSettings::default().with_trust(trust);
            let showing = showing_none.clone().with_identity("c", "k");
            assert!(Arc::ptr_eq(&ask(&showing_none), &ask(&showing_none)));
            assert!(!Arc::ptr_eq(&ask(&showing_none), &ask(&showing)));
        }
        assert_eq!(reads.get(), 6);
    }

    #[test]
    fn threads_have_the_same_configuration() {
        let shared = SharedConfigs::new();
        let ask = || shared.server_or(&directory("a"), || Ok(server())).ok();
        let configs = thread::scope(|scope| {
            [scope.spawn(ask), scope.spawn(ask)].map(|thread| thread.join().ok().flatten())
        });
        let [Some(one), Some(other)] = configs else { panic!("both have one") };
        assert!(Arc::ptr_eq(&one, &other));
    }
}
