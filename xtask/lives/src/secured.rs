//! TLS between the two ends of a life.
//!
//! Invariant: each byte follows from the seed: the certificate is the same in each run, and all that is drawn in a
//! handshake is drawn from [`Seeded`].

use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use interfaces::Factory;
use rcgen::{CertificateParams, KeyPair, SerialNumber};
use reactor::Reactor;
use reactor::simulated::Simulated;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, Error, NamedGroup, RootCertStore, ServerConfig};
use testkit::Dice;
use tls::TlsOptions;

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

/// Random bytes of a seed, and a key exchange that keeps nothing secret: the two public keys are the secret.
#[derive(Clone, Copy, Debug)]
struct Seeded(&'static Mutex<Dice>);

/// One end's part of that key exchange.
struct Public(Vec<u8>);

impl Seeded {
    fn new(seed: u64) -> &'static Self {
        let dice: &Mutex<Dice> = Box::leak(Box::new(Mutex::new(Dice::new(seed))));
        Box::leak(Box::new(Self(dice)))
    }
}

impl SecureRandom for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        let dice = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.fill_with(|| dice.below(256) as u8);
        Ok(())
    }
}

impl SupportedKxGroup for Seeded {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut public = vec![0; 32];
        self.fill(&mut public)?;
        Ok(Box::new(Public(public)))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for Public {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let both: Vec<u8> = self.0.iter().zip(peer).map(|(one, other)| one ^ other).collect();
        Ok(SharedSecret::from(both))
    }

    fn pub_key(&self) -> &[u8] {
        &self.0
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// A time at which the certificate is valid.
#[derive(Debug)]
struct AlwaysNow;

impl TimeProvider for AlwaysNow {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_750_000_000)))
    }
}

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
        let seeded = Seeded::new(seed);
        let provider = Arc::new(CryptoProvider {
            kx_groups: vec![seeded],
            secure_random: seeded,
            ..default_provider()
        });
        let version = if seed.is_multiple_of(2) { &TLS12 } else { &TLS13 };
        let key = PrivatePkcs8KeyDer::from(key.clone()).into();
        let server = ServerConfig::builder_with_details(provider.clone(), Arc::new(AlwaysNow))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a pair");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let client = ClientConfig::builder_with_details(provider, Arc::new(AlwaysNow))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let patient = Duration::from_secs(3600);
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
