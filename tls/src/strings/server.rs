//! A server endpoint that reads its certificates when it is told to listen.
//!
//! Invariant: a server whose certificates cannot be used does not listen.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{Factory, ListeningPort, StreamServerEndpoint};
use rustls::ServerConfig;

use super::{Context, RenewableConfig};
use crate::credentials::CredentialsError;
use crate::renewal::renewing;
use crate::settings::ServerSettings;
use crate::{TlsOptions, wrap_server_with};

/// TLS over `below`, with certificates from files.
pub(super) struct FileServer<E> {
    pub(super) below: E,
    pub(super) context: Context,
    pub(super) settings: ServerSettings,
    /// How long passes between two looks at the files.
    pub(super) interval: Option<Duration>,
    pub(super) tls: TlsOptions,
}

impl<E> FileServer<E> {
    fn config(&self) -> Result<Arc<RenewableConfig<ServerConfig>>, CredentialsError> {
        match &self.context.shared {
            Some(shared) => shared.server_or(&self.settings, || self.read()),
            None => self.read(),
        }
    }

    fn read(&self) -> Result<Arc<RenewableConfig<ServerConfig>>, CredentialsError> {
        let Context { provider, ticketer, tell, .. } = &self.context;
        let read = self.settings.renewable_config(provider, ticketer(), &**tell)?;
        Ok(RenewableConfig::of(read))
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for FileServer<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        match self.config() {
            Ok(read) => {
                let Context { time, tell_renewal, .. } = &self.context;
                let factory = match self.interval {
                    Some(interval) => {
                        renewing(factory, &read.renewal, interval, time, tell_renewal)
                    }
                    None => factory,
                };
                let config = read.config.clone();
                self.below.listen(wrap_server_with(config, factory, time.clone(), self.tls))
            }
            Err(error) => Deferred::fail(error),
        }
    }
}
