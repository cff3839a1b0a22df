//! A server endpoint that reads its certificates when it is told to listen.
//!
//! Invariant: a server whose certificates cannot be used does not listen.

use std::rc::Rc;
use std::sync::Arc;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, StreamServerEndpoint};
use rustls::ServerConfig;

use super::Context;
use crate::credentials::CredentialsError;
use crate::settings::ServerSettings;
use crate::wrap_server;

/// TLS over `below`, with certificates from files.
pub(super) struct FileServer<E> {
    pub(super) below: E,
    pub(super) context: Context,
    pub(super) settings: ServerSettings,
}

impl<E> FileServer<E> {
    fn config(&self) -> Result<Arc<ServerConfig>, CredentialsError> {
        match &self.context.shared {
            Some(shared) => shared.server_or(&self.settings, || self.read()),
            None => self.read(),
        }
    }

    fn read(&self) -> Result<Arc<ServerConfig>, CredentialsError> {
        let Context { provider, ticketer, tell, .. } = &self.context;
        self.settings.config(provider, ticketer(), &**tell).map(Arc::new)
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
