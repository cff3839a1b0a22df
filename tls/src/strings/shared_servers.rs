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
/// What was read is kept, so files that change are not read again. See
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
