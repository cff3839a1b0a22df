//! Two protocols that talk over TLS over an in-memory pair.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interfaces::{
    Address, Deliver, Factory, HalfCloseableProtocol, HandshakeListener, Protocol, Reason,
    Transport,
};
use protocol::testing::memory::{Network, Pair};
use protocol::testing::{Clock, Record, Recorder};
use protocol::{ProtocolRef, factory_fn};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::certificates::Authority;
use crate::tls::{self, TlsError};

/// The name in the server's certificate.
pub(crate) const NAME: &str = "server.example";

/// What the two sides are made of, to be changed before they [`begin`](Self::begin).
pub(crate) struct Talk {
    pub(crate) client_config: ClientConfig,
    pub(crate) server_config: ServerConfig,
    pub(crate) name: &'static str,
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) client: Recorder,
    pub(crate) server: Recorder,
    on_handshake: Option<Box<dyn FnMut(&Rc<dyn Transport>)>>,
    client_record: Record,
    server_record: Record,
}

/// A conversation that has begun.
pub(crate) struct Talking {
    pub(crate) pair: Pair,
    pub(crate) clock: Clock,
    pub(crate) client: Record,
    pub(crate) server: Record,
}

impl Talk {
    pub(crate) fn new(version: &'static SupportedProtocolVersion) -> Self {
        let authority = Authority::new();
        Self::between(authority.client(version), authority.identity(NAME).server())
    }

    pub(crate) fn between(client_config: ClientConfig, server_config: ServerConfig) -> Self {
        let (client_record, server_record) = (Record::new(), Record::new());
        Self {
            client_config,
            server_config,
            name: NAME,
            network: Network::new(),
            clock: Clock::new(),
            client: Recorder::new(&client_record),
            server: Recorder::new(&server_record),
            on_handshake: None,
            client_record,
            server_record,
        }
    }

    /// What the client does when the handshake is done.
    pub(crate) fn on_handshake(mut self, hook: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.on_handshake = Some(Box::new(hook));
        self
    }

    pub(crate) fn client(mut self, change: impl FnOnce(Recorder) -> Recorder) -> Self {
        self.client = change(self.client);
        self
    }

    pub(crate) fn server(mut self, change: impl FnOnce(Recorder) -> Recorder) -> Self {
        self.server = change(self.server);
        self
    }

    /// Connects; nothing has been said yet.
    pub(crate) fn begin(self) -> Talking {
        self.network.run_clock(&self.clock);
        let hook = self.on_handshake.unwrap_or_else(|| Box::new(|_| {}));
        let client = Hooked { recorder: self.client, hook };
        let client = over_client(self.client_config, self.name, client, &self.clock);
        let server = over_server(self.server_config, self.server, &self.clock);
        Talking {
            pair: self.network.join(client, server),
            clock: self.clock,
            client: self.client_record,
            server: self.server_record,
        }
    }

    /// Connects, and waits for all to be quiet.
    pub(crate) fn run(self) -> Talking {
        let talking = self.begin();
        talking.pair.flush();
        talking
    }
}

impl Talking {
    pub(crate) fn flush(&self) {
        self.pair.flush();
    }

    pub(crate) fn advance(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
        self.pair.flush();
    }

    /// The client's handle.
    pub(crate) fn client_handle(&self) -> Rc<dyn Transport> {
        self.client.transport()
    }

    /// The server's handle.
    pub(crate) fn server_handle(&self) -> Rc<dyn Transport> {
        self.server.transport()
    }
}

/// A protocol over TLS as the client, to be delivered to.
pub(crate) fn over_client(
    config: ClientConfig,
    name: &'static str,
    protocol: impl Protocol,
    clock: &Clock,
) -> Rc<dyn Deliver> {
    let name = ServerName::try_from(name).unwrap();
    let time = Rc::new(clock.clone());
    build(&tls::wrap_client(Arc::new(config), name, once(protocol), time))
}

/// A protocol over TLS as the server, to be delivered to.
pub(crate) fn over_server(
    config: ServerConfig,
    protocol: impl Protocol,
    clock: &Clock,
) -> Rc<dyn Deliver> {
    build(&server_factory(&config, once(protocol), clock))
}

/// A client's TLS under a factory.
pub(crate) fn client_factory(
    config: &ClientConfig,
    factory: Rc<dyn Factory>,
    clock: &Clock,
) -> Rc<dyn Factory> {
    let name = ServerName::try_from(NAME).unwrap();
    tls::wrap_client(Arc::new(config.clone()), name, factory, Rc::new(clock.clone()))
}

/// A server's TLS under a factory.
pub(crate) fn server_factory(
    config: &ServerConfig,
    factory: Rc<dyn Factory>,
    clock: &Clock,
) -> Rc<dyn Factory> {
    tls::wrap_server(Arc::new(config.clone()), factory, Rc::new(clock.clone()))
}

/// What a factory builds.
pub(crate) fn build(factory: &Rc<dyn Factory>) -> Rc<dyn Deliver> {
    factory.build_protocol(&Address::Other("memory:peer".into())).expect("it refuses nobody")
}

/// A recorder that also does something when the handshake is done.
struct Hooked {
    recorder: Recorder,
    hook: Box<dyn FnMut(&Rc<dyn Transport>)>,
}

impl Protocol for Hooked {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.recorder.connection_made(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.recorder.data_received(transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        self.recorder.connection_lost(transport, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.recorder.as_half_closeable()
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HandshakeListener for Hooked {
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>) {
        self.recorder.handshake_completed(transport);
        (self.hook)(transport);
    }
}

/// A factory for one connection.
pub(crate) fn once(protocol: impl Protocol) -> Rc<dyn Factory> {
    let protocol = std::cell::Cell::new(Some(protocol));
    factory_fn(move |_| protocol.take().expect("built once"))
}

/// A protocol without TLS, to be delivered to.
pub(crate) fn plain(protocol: impl Protocol) -> Rc<dyn Deliver> {
    ProtocolRef::new(protocol).as_deliver()
}

/// The error of TLS that a connection ended with.
pub(crate) fn tls_error(reason: &Reason) -> TlsError {
    match reason {
        Reason::Tls(failure) => failure.downcast_ref::<TlsError>().expect("it is one").clone(),
        other => panic!("{other:?}"),
    }
}

/// The error of rustls that a connection ended with, in its handshake or later.
pub(crate) fn rustls_error(reason: Option<Reason>) -> rustls::Error {
    match reason {
        Some(Reason::Tls(failure)) => match failure.downcast_ref::<TlsError>() {
            Some(TlsError::Handshake { source } | TlsError::Refused { error: source, .. }) => {
                source.clone()
            }
            _ => failure.downcast_ref::<rustls::Error>().expect("it is one").clone(),
        },
        other => panic!("{other:?}"),
    }
}

/// The reason and its causes, as a person would read them.
pub(crate) fn told(reason: Option<Reason>) -> String {
    let reason = reason.expect("the connection was not lost");
    let mut text = reason.to_string();
    let mut next = std::error::Error::source(&reason);
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}

impl std::fmt::Debug for Talking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Talking")
            .field("client", &self.client.seen())
            .field("server", &self.server.seen())
            .finish_non_exhaustive()
    }
}
