//! A client endpoint that reads its certificates when it first connects.
//!
//! Invariant: the server is verified, unless the string says `verify=danger-none`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{Factory, StreamClientEndpoint, Transport};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::{Context, RenewableConfig};
use crate::credentials::CredentialsError;
use crate::renewal::CertificateRenewal;
use crate::settings::ClientSettings;
use crate::{TlsOptions, wrap_client_with};

/// TLS over `below`, with certificates from files.
pub(super) struct FileClient {
    pub(super) below: Rc<dyn StreamClientEndpoint>,
    pub(super) context: Context,
    pub(super) name: ServerName<'static>,
    pub(super) settings: ClientSettings,
    pub(super) tls: TlsOptions,
    /// The least time between two looks at the files.
    pub(super) interval: Option<Duration>,
    /// The configuration from the files, kept so that sessions can be resumed.
    pub(super) config: RefCell<Option<Arc<RenewableConfig<ClientConfig>>>>,
    /// The time of the last look.
    pub(super) looked: Cell<Duration>,
}

impl FileClient {
    fn wrap(&self, factory: Rc<dyn Factory>) -> Result<Rc<dyn Factory>, CredentialsError> {
        let read = self.config()?;
        let (config, time) = (read.config.clone(), self.context.time.clone());
        Ok(wrap_client_with(config, self.name.clone(), factory, time, self.tls))
    }

    fn config(&self) -> Result<Arc<RenewableConfig<ClientConfig>>, CredentialsError> {
        let kept = self.config.borrow().clone();
        match kept {
            Some(config) => {
                self.look(&config.renewal);
                Ok(config)
            }
            None => {
                self.looked.set(self.context.time.now());
                let load = || self.load().map(RenewableConfig::of);
                let config = match &self.context.shared {
                    Some(shared) => shared.client_or(&self.settings, load)?,
                    None => load()?,
                };
                self.config.replace(Some(config.clone()));
                Ok(config)
            }
        }
    }

    fn load(&self) -> Result<(ClientConfig, CertificateRenewal), CredentialsError> {
        self.settings.renewable_config(&self.context.provider, &*self.context.tell)
    }

    /// Looks at the files, unless that was done just now.
    fn look(&self, renewal: &CertificateRenewal) {
        let now = self.context.time.now();
        let is_due = |interval| now.saturating_sub(self.looked.get()) >= interval;
        if self.interval.is_some_and(is_due) {
            self.looked.set(now);
            let tell = &self.context.tell_renewal;
            renewal.look_now_and_then().iter().for_each(|outcome| tell(outcome));
        }
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
