//! A client endpoint that reads its certificates when it first connects.
//!
//! Invariant: the server is verified, unless the string says `verify=danger-none`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use deferred::Deferred;
use interfaces::{Factory, StreamClientEndpoint, Transport};
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

use super::Context;
use crate::credentials::{AnyCertificate, CredentialsError, Identity, Named, roots_of};
use crate::{public_roots, wrap_client};

/// TLS over `below`, with certificates from files.
pub(super) struct FileClient {
    pub(super) below: Rc<dyn StreamClientEndpoint>,
    pub(super) context: Context,
    pub(super) name: ServerName<'static>,
    pub(super) trust: Trust,
    pub(super) identity: Shown,
    /// The configuration from the files, kept so that sessions can be resumed.
    pub(super) config: RefCell<Option<Arc<ClientConfig>>>,
}

/// The certificate that a client shows, if it has one.
pub(super) type Shown = Option<Identity>;

/// The servers that a client trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// The authorities of webpki-roots.
    Public,
    /// The certificates in a directory.
    Directory(Named),
    /// Any server.
    DangerAnyone,
}

impl FileClient {
    fn wrap(&self, factory: Rc<dyn Factory>) -> Result<Rc<dyn Factory>, CredentialsError> {
        let (config, time) = (self.config()?, self.context.time.clone());
        Ok(wrap_client(config, self.name.clone(), factory, time))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, CredentialsError> {
        let kept = self.config.borrow().clone();
        match kept {
            Some(config) => Ok(config),
            None => {
                let load = || self.load().map(Arc::new);
                let config = match &self.context.shared {
                    Some(shared) => shared.client_or(&self.trust, &self.identity, load)?,
                    None => load()?,
                };
                self.config.replace(Some(config.clone()));
                Ok(config)
            }
        }
    }

    fn load(&self) -> Result<ClientConfig, CredentialsError> {
        let provider = &self.context.provider;
        let builder: ConfigBuilder<ClientConfig, WantsVerifier> =
            ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[&TLS13, &TLS12])
                .map_err(CredentialsError::Unsupported)?;
        let builder = match &self.trust {
            Trust::Public => builder.with_root_certificates(public_roots()),
            Trust::Directory(directory) => builder.with_root_certificates(roots_of(directory)?),
            Trust::DangerAnyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider.clone()))),
        };
        Ok(match &self.identity {
            Some(identity) => {
                let certified = identity.load(provider)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
            None => builder.with_no_client_auth(),
        })
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
