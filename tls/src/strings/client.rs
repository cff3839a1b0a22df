//! A client endpoint that reads its certificates when it first connects.
//!
//! Invariant: the server is verified, unless the string says `verify=danger-none`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use deferred::Deferred;
use interfaces::{Factory, StreamClientEndpoint, Transport};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::Context;
use crate::credentials::CredentialsError;
use crate::settings::ClientSettings;
use crate::{TlsOptions, wrap_client_with};

/// TLS over `below`, with certificates from files.
pub(super) struct FileClient {
    pub(super) below: Rc<dyn StreamClientEndpoint>,
    pub(super) context: Context,
    pub(super) name: ServerName<'static>,
    pub(super) settings: ClientSettings,
    pub(super) tls: TlsOptions,
    /// The configuration from the files, kept so that sessions can be resumed.
    pub(super) config: RefCell<Option<Arc<ClientConfig>>>,
}

impl FileClient {
    fn wrap(&self, factory: Rc<dyn Factory>) -> Result<Rc<dyn Factory>, CredentialsError> {
        let (config, time) = (self.config()?, self.context.time.clone());
        Ok(wrap_client_with(config, self.name.clone(), factory, time, self.tls))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, CredentialsError> {
        let kept = self.config.borrow().clone();
        match kept {
            Some(config) => Ok(config),
            None => {
                let load = || self.load().map(Arc::new);
                let config = match &self.context.shared {
                    Some(shared) => shared.client_or(&self.settings, load)?,
                    None => load()?,
                };
                self.config.replace(Some(config.clone()));
                Ok(config)
            }
        }
    }

    fn load(&self) -> Result<ClientConfig, CredentialsError> {
        self.settings.config(&self.context.provider, &*self.context.tell)
    }
}

impl StreamClientEndpoint for FileClient {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        match self.wrap(factory) {
            Ok(factory) => self.below.connect(factory),
            Err(error) => Deferred::fail(error),
        }
    }

    fn connect_for(&self, served: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        match self.wrap(factory) {
            Ok(factory) => self.below.connect_for(served, factory),
            Err(error) => Deferred::fail(error),
        }
    }
}
