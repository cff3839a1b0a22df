//! TLS between the two ends of a life.
//!
//! Invariant: each byte follows from the seed: the certificate is the same in each run, and a handshake draws from
//! [`seeded_provider`].

use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use interfaces::Factory;
use rcgen::{CertificateParams, KeyPair, SerialNumber};
use reactor::Reactor;
use reactor::simulated::Simulated;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls::TlsOptions;
use tls::testing::{FixedTime, seeded_provider};

use crate::plan::Manners;

const NAME: &str = "lives.example";

/// The server's certificate and its key.
static CERTIFICATE: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
    // RFC 8410: an Ed25519 key, whose signatures have one length and follow from what is signed.
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend([7; 32]);
    let key = KeyPair::try_from(der).expect("a key");
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("a name");
    params.serial_number = Some(SerialNumber::from(1));
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.der().clone(), key.serialize_der())
});

/// A time at which the certificate is valid, since 1970.
const TIME: Duration = Duration::from_secs(1_750_000_000);

/// What the two ends of all lives of a run speak TLS with.
pub(crate) struct Secured {
    reactor: Reactor<Simulated>,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    options: TlsOptions,
}

impl Secured {
    /// Every other seed has TLS 1.2. Where no end breaks its connection, no deadline does either.
    pub(crate) fn new(reactor: &Reactor<Simulated>, seed: u64, manners: Manners) -> Self {
        let (certificate, key) = &*CERTIFICATE;
        let provider = Arc::new(seeded_provider(default_provider(), seed));
        let time = FixedTime::at(TIME);
        let version = if seed.is_multiple_of(2) { &TLS12 } else { &TLS13 };
        let key = PrivatePkcs8KeyDer::from(key.clone()).into();
        let server = ServerConfig::builder_with_details(provider.clone(), time.clone())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a pair");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let client = ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Long beside all that a run does, and over before the network's hour is.
        let patient = Duration::from_secs(1000);
        let options = match manners {
            Manners::Civil => {
                TlsOptions::default().with_handshake_timeout(patient).with_close_timeout(patient)
            }
            Manners::Rough => TlsOptions::default(),
        };
        let (server, client) = (Arc::new(server), Arc::new(client));
        Self { reactor: reactor.clone(), server, client, options }
    }

    pub(crate) fn servers(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        tls::wrap_server_with(self.server.clone(), factory, self.reactor.clone(), self.options)
    }

    pub(crate) fn clients(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        let name = ServerName::try_from(NAME).expect("a name");
        let (config, time) = (self.client.clone(), self.reactor.clone());
        tls::wrap_client_with(config, name, factory, time, self.options)
    }
}
