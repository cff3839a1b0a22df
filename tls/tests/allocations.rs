//! What TLS connections cost in memory: how much while idle, and how often while they talk.
//!
//! rustls 0.23 allocates by itself: one vector for the plaintext of each record received and one for
//! each record made. The claims count what comes on top.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Deliver, Event, Protocol, Transport};
use protocol::factory_fn;
use protocol::testing::{Clock, StringTransport};
use ropewalk_tls as tls;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use testkit::{CountingAllocator, allocations, live_bytes};
use tls::{Outgoing, Session};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

struct Quiet;

impl Protocol for Quiet {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

fn configs(version: &'static SupportedProtocolVersion) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    (Arc::new(client), Arc::new(server))
}

/// A layer that was driven by hand until its handshake was done.
struct Driven {
    layer: Rc<dyn Deliver>,
    wire: Rc<StringTransport>,
    peer: Session,
    plaintext: Vec<u8>,
    records: Outgoing,
}

impl Driven {
    fn new(factory: &Rc<dyn interfaces::Factory>, peer: Session) -> Self {
        let wire = StringTransport::new();
        let layer = factory.build_protocol(&wire.peer()).unwrap();
        let (plaintext, records) = (Vec::new(), Outgoing::new());
        let mut driven = Self { layer, wire, peer, plaintext, records };
        driven.layer.deliver(Event::ConnectionMade(&driven.wire.as_transport()));
        let _ = driven.peer.receive(&mut [], &mut driven.plaintext, &mut driven.records);
        while driven.exchange() {}
        driven
    }

    fn exchange(&mut self) -> bool {
        let mut up = self.records.to_vec();
        self.records.clear();
        if !up.is_empty() {
            self.layer.deliver(Event::DataReceived(&mut up));
        }
        let mut down = self.wire.value();
        self.wire.clear();
        let _ = self.peer.receive(&mut down, &mut self.plaintext, &mut self.records);
        !(up.is_empty() && down.is_empty())
    }

    /// The records of a message to the layer.
    fn message(&mut self, length: usize) -> Vec<u8> {
        self.records.clear();
        self.peer.send(&vec![b'm'; length], &mut self.records).unwrap();
        self.records.to_vec()
    }
}

fn server_side(version: &'static SupportedProtocolVersion) -> Driven {
    let (client, server) = configs(version);
    let factory = tls::wrap_server(server, factory_fn(|_| Echo), Rc::new(Clock::new()));
    let name = ServerName::try_from("localhost").unwrap();
    Driven::new(&factory, Session::client(client, name).unwrap())
}

/// Allocations of the layer for one delivery.
fn calls_for(driven: &Driven, mut bytes: Vec<u8>) -> usize {
    let before = allocations();
    driven.layer.deliver(Event::DataReceived(&mut bytes));
    allocations() - before
}

#[test]
fn an_echoed_message_costs_the_allocations_of_rustls_and_no_other() {
    for version in VERSIONS {
        for (length, records) in [(1, 1), (64, 1), (16_000, 1), (60_000, 4)] {
            let mut driven = server_side(version);
            for _ in 0..10 {
                let message = driven.message(length);
                calls_for(&driven, message);
                driven.wire.clear();
            }
            let message = driven.message(length);
            let calls = calls_for(&driven, message);
            println!("{:?}, {length} bytes: {calls} allocations", version.version);
            assert!(calls <= 2 * records, "{calls} allocations for {records} records");
        }
    }
}

/// Allocations for a record of 1000 bytes of plaintext that is cut at `end`.
fn calls_for_halves(driven: &mut Driven, end: usize) -> (usize, usize) {
    driven.wire.clear();
    let message = driven.message(1000);
    (calls_for(driven, message[..end].to_vec()), calls_for(driven, message[end..].to_vec()))
}

#[test]
fn a_record_that_comes_in_two_pieces_costs_one_or_two_more() {
    let mut driven = server_side(VERSIONS[0]);
    for _ in 0..10 {
        calls_for_halves(&mut driven, 100);
    }
    // The kept half grows once to hold the rest of its record.
    assert_eq!(calls_for_halves(&mut driven, 100), (1, 3));
    // Of this record the length is known, so room for the rest is made at once, and does not move it.
    assert_eq!(calls_for_halves(&mut driven, 600), (1, 2));
}

/// Without the stores for resumption, which are of a bounded size for each configuration.
fn storing_nothing(version: &'static SupportedProtocolVersion) -> (ClientConfig, ServerConfig) {
    let (client, server) = configs(version);
    let (mut client, mut server) = ((*client).clone(), (*server).clone());
    client.resumption = rustls::client::Resumption::disabled();
    server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    (client, server)
}

#[test]
fn an_idle_connection_needs_little() {
    const COUNT: isize = 100;
    for version in VERSIONS {
        let (client, server) = storing_nothing(version);
        let (client, server) = (Arc::new(client), Arc::new(server));
        let time = Rc::new(Clock::new());
        let name = ServerName::try_from("localhost").unwrap();
        let (as_server, as_client) = (
            tls::wrap_server(server.clone(), factory_fn(|_| Quiet), time.clone()),
            tls::wrap_client(client.clone(), name.clone(), factory_fn(|_| Quiet), time),
        );
        for (side, factory) in [("server", &as_server), ("client", &as_client)] {
            let open = || {
                let peer = match side {
                    "server" => Session::client(client.clone(), name.clone()).unwrap(),
                    _ => Session::server(server.clone()).unwrap(),
                };
                let Driven { layer, wire, peer, plaintext, records } = Driven::new(factory, peer);
                drop((wire, peer, plaintext, records));
                layer
            };
            let warm: Vec<_> = (0..3).map(|_| open()).collect();
            let mut idle = Vec::with_capacity(COUNT as usize);
            let before = live_bytes();
            idle.extend((0..COUNT).map(|_| open()));
            let each = (live_bytes() - before) / COUNT;
            println!("{:?}, {side}: {each} bytes", version.version);
            // The double that stands for the transport below is a part of it.
            assert!((1000..=4608).contains(&each), "{each} bytes");
            drop((warm, idle));
        }
    }
}
