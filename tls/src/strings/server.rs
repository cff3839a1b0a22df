//! A server endpoint that reads its certificates when it is told to listen.
//!
//! Invariant: a server whose certificates cannot be used does not listen.

use std::rc::Rc;
use std::sync::Arc;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, StreamServerEndpoint};
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use rustls::sign::SingleCertAndKey;

use super::Context;
use super::versions::Versions;
use crate::credentials::{CredentialsError, Identity, Named, certificates_by_name};
use crate::wrap_server;

/// TLS over `below`, with certificates from files.
pub(super) struct FileServer<E> {
    pub(super) below: E,
    pub(super) context: Context,
    pub(super) certificates: Certificates,
    pub(super) versions: Versions,
}

/// The files of a server's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Certificates {
    One(Identity),
    ByName(Named),
}

impl<E> FileServer<E> {
    fn config(&self) -> Result<Arc<ServerConfig>, CredentialsError> {
        match &self.context.shared {
            Some(shared) => shared.server_or(&self.certificates, self.versions, || self.read()),
            None => self.read(),
        }
    }

    fn read(&self) -> Result<Arc<ServerConfig>, CredentialsError> {
        let provider = &self.context.provider;
        let resolver: Arc<dyn ResolvesServerCert> = match &self.certificates {
            Certificates::One(identity) => {
                Arc::new(SingleCertAndKey::from(identity.load(provider)?))
            }
            Certificates::ByName(directory) => Arc::new(certificates_by_name(directory, provider)?),
        };
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(self.versions.supported())
            .map_err(CredentialsError::Unsupported)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        // As in Twisted, the server's order of suites counts.
        config.ignore_client_order = true;
        if let Some(ticketer) = (self.context.ticketer)() {
            config.ticketer = ticketer;
        }
        Ok(Arc::new(config))
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for FileServer<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        match self.config() {
            Ok(config) => {
                self.below.listen(wrap_server(config, factory, self.context.time.clone()))
            }
            Err(error) => Deferred::fail(error),
        }
    }
}
