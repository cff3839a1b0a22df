//! TLS for a scenario.
//!
//! Invariant: the certificate is made once for a run of all points.

use std::rc::Rc;
use std::sync::Arc;

use interfaces::Factory;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls::TlsOptions;

use super::scene::Scene;

const NAME: &str = "torture.example";

/// What both ends speak TLS with; a clone is the same.
#[derive(Clone)]
pub(super) struct Secured {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Secured {
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let pair = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let certificate = pair.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()).into();
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { server: Arc::new(server), client: Arc::new(client) })
    }

    pub(super) fn server(&self, factory: Rc<dyn Factory>, scene: &Scene) -> Rc<dyn Factory> {
        let (config, time) = (self.server.clone(), scene.reactor.clone());
        tls::wrap_server_with(config, factory, time, TlsOptions::default())
    }

    pub(super) fn client(&self, factory: Rc<dyn Factory>, scene: &Scene) -> Rc<dyn Factory> {
        let name = ServerName::try_from(NAME).expect("it is a name");
        let (config, time) = (self.client.clone(), scene.reactor.clone());
        tls::wrap_client_with(config, name, factory, time, TlsOptions::default())
    }
}
