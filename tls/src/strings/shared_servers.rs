//! [`SharedServers`]: the configurations of servers that listen on several threads.
//!
//! Invariant: the files of one string are read once, by the thread that listens first.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

use super::server::Certificates;
use super::versions::Versions;
use crate::credentials::CredentialsError;

/// What the `ssl:` and `tls:` servers of several registries share, each on a thread of its own: their
/// certificates, which are read once, and the keys of their tickets, so that a client resumes its session
/// with any of them. A clone is the same.
///
/// A configuration is kept, so files that change are not read again. See
/// [`register_sharing`](crate::register_sharing).
#[derive(Clone, Default)]
pub struct SharedServers(Arc<Mutex<Vec<Server>>>);

struct Server {
    certificates: Certificates,
    versions: Versions,
    config: Arc<ServerConfig>,
}

impl SharedServers {
    /// Shares nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The configuration for these files; `read` makes it for the first thread that asks.
    pub(super) fn get_or(
        &self,
        certificates: &Certificates,
        versions: Versions,
        read: impl FnOnce() -> Result<Arc<ServerConfig>, CredentialsError>,
    ) -> Result<Arc<ServerConfig>, CredentialsError> {
        // Locked while the files are read, as the other threads want what is read.
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |server: &&Server| server.certificates == *certificates && server.versions == versions;
        if let Some(server) = servers.iter().find(same) {
            return Ok(Arc::clone(&server.config));
        }
        let config = read()?;
        let (certificates, kept) = (certificates.clone(), Arc::clone(&config));
        servers.push(Server { certificates, versions, config: kept });
        Ok(config)
    }
}

impl fmt::Debug for SharedServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedServers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;

    use rustls::server::ResolvesServerCertUsingSni;

    use super::*;
    use crate::credentials::Named;

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
        let (shared, reads) = (SharedServers::new(), Cell::new(0));
        let ask = |path: &str, versions| {
            let read = || {
                reads.set(reads.get() + 1);
                Ok(server())
            };
            shared.clone().get_or(&directory(path), versions, read).expect("it reads nothing")
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
        let shared = SharedServers::new();
        let error = rustls::Error::HandshakeNotComplete;
        let failed = shared
            .get_or(&directory("a"), Versions::All, || Err(CredentialsError::Unsupported(error)));
        assert!(failed.is_err());
        assert!(shared.get_or(&directory("a"), Versions::All, || Ok(server())).is_ok());
    }

    #[test]
    fn threads_have_the_same_configuration() {
        let shared = SharedServers::new();
        let ask = || shared.get_or(&directory("a"), Versions::All, || Ok(server())).ok();
        let configs = thread::scope(|scope| {
            [scope.spawn(ask), scope.spawn(ask)].map(|thread| thread.join().ok().flatten())
        });
        let [Some(one), Some(other)] = configs else { panic!("both have one") };
        assert!(Arc::ptr_eq(&one, &other));
    }
}
