//! TLS over any other subject, from the first byte on or started on a connection that stands.
//!
//! Invariant: both sides use one certificate, which is generated in this process and stored nowhere.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Deliver, Event, Factory, ListeningPort, Observer, ReactorCore, ReactorFdSet,
    ReactorThreads, ReactorTime, StreamClientEndpoint, StreamServerEndpoint,
};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls::{
    StartTlsEndpoint, TlsClientEndpoint, TlsOptions, TlsServerEndpoint, start_tls_client,
    start_tls_server,
};

use crate::suite::{Ability, Subject, World};

const NAME: &str = "suite.example";

/// The least size of a large transfer, above a layer's own buffers and those of a small wire.
const LARGE_BYTES_MIN: usize = 2 * 1024 * 1024;

/// TLS over another subject.
#[derive(Clone)]
pub struct TlsOver {
    name: &'static str,
    below: Arc<dyn Subject>,
    beginning: Beginning,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// With the connection.
    FirstByte,
    /// In the callback of a connection that was made in the clear.
    Started,
}

impl TlsOver {
    /// TLS that is started on connections of `below`, with `start_tls_server` and `start_tls_client`.
    ///
    /// # Errors
    ///
    /// When no certificate can be generated.
    pub fn started(name: &'static str, below: Arc<dyn Subject>) -> Result<Self, Failure> {
        Ok(Self { beginning: Beginning::Started, ..Self::new(name, below)? })
    }

    /// TLS over `below`.
    ///
    /// # Errors
    ///
    /// When no certificate can be generated.
    pub fn new(name: &'static str, below: Arc<dyn Subject>) -> Result<Self, Failure> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(|reason| Failure::new(rustls::Error::General(reason.to_owned())))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
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
        let (server, client) = (Arc::new(server), Arc::new(client));
        Ok(Self { name, below, beginning: Beginning::FirstByte, server, client })
    }
}

impl Subject for TlsOver {
    fn name(&self) -> &str {
        self.name
    }

    fn missing(&self) -> Option<&'static str> {
        self.below.missing()
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match ability {
            // An end without close_notify is unclean, also over a wire that has no reset.
            Ability::Reset => None,
            Ability::PassDescriptors => Some("what TLS carries are records, and no descriptor"),
            ability => self.below.lacks(ability),
        }
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        let below = self.below.world(round)?;
        let (server, client) = (self.server.clone(), self.client.clone());
        let (name, beginning) = (ServerName::try_from(NAME)?, self.beginning);
        Ok(Rc::new(TlsWorld { below, beginning, server, client, name }))
    }

    fn rounds(&self) -> u32 {
        self.below.rounds()
    }

    fn large_bytes(&self) -> usize {
        // The layer holds unsent plaintext beside the buffers of the wire.
        self.below.large_bytes().max(LARGE_BYTES_MIN)
    }
}

impl std::fmt::Debug for TlsOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TlsOver").field(&self.below.name()).finish()
    }
}

/// The default options with a shorter close timeout, so that a case that leaves a connection with a
/// silent peer ends soon.
fn options() -> TlsOptions {
    TlsOptions::default().with_close_timeout(Duration::from_millis(250))
}

struct TlsWorld {
    below: Rc<dyn World>,
    beginning: Beginning,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsWorld {
    fn over(&self, endpoint: Rc<dyn StreamClientEndpoint>) -> Rc<dyn StreamClientEndpoint> {
        let (config, name) = (self.client.clone(), self.name.clone());
        if self.beginning == Beginning::Started {
            let endpoint = StartTlsEndpoint::new(endpoint, self.below.time());
            let endpoint = endpoint.with_options(options());
            return Rc::new(Starting { endpoint, side: Side::Client(config, name) });
        }
        let endpoint = TlsClientEndpoint::new(config, name, endpoint, self.below.time());
        Rc::new(endpoint.with_options(options()))
    }
}

/// An endpoint whose connections start TLS as soon as they are made.
struct Starting<E> {
    endpoint: StartTlsEndpoint<E>,
    side: Side,
}

/// Starts TLS on its connection, before the protocol above hears of that.
#[derive(Clone)]
enum Side {
    Server(Arc<ServerConfig>),
    Client(Arc<ClientConfig>, ServerName<'static>),
}

impl Layer for Side {
    const WRAPS_TRANSPORT: bool = false;

    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        if let Event::ConnectionMade(transport) = &event {
            let started = match self {
                Self::Server(config) => start_tls_server(transport, config.clone(), &[]),
                Self::Client(config, name) => {
                    start_tls_client(transport, config.clone(), name.clone(), &[])
                }
            };
            if started.is_err() {
                transport.abort_connection();
            }
        }
        above.deliver(event);
    }
}

impl<E> Starting<E> {
    fn wrap(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        let side = self.side.clone();
        WrappingFactory::new(factory, move |_| side.clone()).into_rc()
    }
}

impl<E: StreamServerEndpoint> StreamServerEndpoint for Starting<E> {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        self.endpoint.listen(self.wrap(factory))
    }
}

impl<E: StreamClientEndpoint> StreamClientEndpoint for Starting<E> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.endpoint.connect(self.wrap(factory))
    }
}

/// Connects to an address of the world below without a listener.
struct Refused(Rc<dyn World>);

impl StreamClientEndpoint for Refused {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.0.connect_refused(factory)
    }
}

impl World for TlsWorld {
    fn server(&self) -> Rc<dyn StreamServerEndpoint> {
        let config = self.server.clone();
        if self.beginning == Beginning::Started {
            let endpoint = StartTlsEndpoint::new(self.below.server(), self.below.time());
            let endpoint = endpoint.with_options(options());
            return Rc::new(Starting { endpoint, side: Side::Server(config) });
        }
        let endpoint = TlsServerEndpoint::new(config, self.below.server(), self.below.time());
        Rc::new(endpoint.with_options(options()))
    }

    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint> {
        self.over(self.below.client(address))
    }

    fn connect_refused(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.over(Rc::new(Refused(self.below.clone()))).connect(factory)
    }

    fn turn(&self) -> Result<(), Failure> {
        self.below.turn()
    }

    fn time(&self) -> Rc<dyn ReactorTime> {
        self.below.time()
    }

    fn hold_clock(&self) -> Box<dyn Send> {
        self.below.hold_clock()
    }

    fn core(&self) -> Option<Rc<dyn ReactorCore>> {
        self.below.core()
    }

    fn run(&self) -> Result<(), Failure> {
        self.below.run()
    }

    fn running_protocol(&self) -> Option<&'static str> {
        self.below.running_protocol()
    }

    fn fd_set(&self) -> Option<Rc<dyn ReactorFdSet>> {
        self.below.fd_set()
    }

    fn threads(&self) -> Option<Rc<dyn ReactorThreads>> {
        self.below.threads()
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.below.set_observer(observer);
    }

    fn leftovers(&self) -> Vec<String> {
        self.below.leftovers()
    }
}
