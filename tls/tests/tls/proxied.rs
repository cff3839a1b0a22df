//! TLS and the PROXY protocol: either one below the other, and what a relay that ends TLS tells of it.

use std::rc::Rc;
use std::sync::Arc;

use endpoints::haproxy::{
    Progress, ProxyClientEndpoint, ProxyFactory, ProxyHeader, ProxyHeaderParser,
    ProxyServerEndpoint, ProxyServerOptions, SslTlv,
};
use interfaces::{
    Address, Deliver, Event, Factory, StreamClientEndpoint, StreamServerEndpoint, Transport,
};
use protocol::layer::{Layer, wrap_protocol};
use protocol::relay::RelayFactory;
use protocol::testing::memory::{Network, Pair};
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use protocol::{connect_protocol, factory_fn};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};

use crate::certificates::Authority;
use crate::tls::{TlsClientEndpoint, TlsServerEndpoint, wrap_client, wrap_server};

fn echo(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| Recorder::new(&record).on_data(|transport, data| transport.write(data)))
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// A client's end of a conversation that begins with a greeting.
fn greet(network: &Network, endpoint: &dyn StreamClientEndpoint) -> Record {
    let record = Record::new();
    let client = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
    drop(connect_protocol(endpoint, client));
    network.flush();
    record
}

#[test]
fn a_header_stands_before_tls_or_inside_it_as_the_endpoints_are_nested() {
    let authority = Authority::new();
    let server = Arc::new(authority.identity("localhost").server());
    let client = Arc::new(authority.client(&TLS13));
    let (network, clock) = (Network::new(), Clock::new());
    let records = [Record::new(), Record::new()];

    let below = ProxyServerEndpoint::new(network.server("before"), clock.clone());
    let before = TlsServerEndpoint::new(server.clone(), below, clock.clone());
    drop(before.listen(echo(&records[0])));
    let below = ProxyClientEndpoint::new(network.client("before"));
    let before = TlsClientEndpoint::new(client.clone(), name(), below, clock.clone());
    assert_eq!(greet(&network, &before).received(), b"hello");

    let below = TlsServerEndpoint::new(server, network.server("inside"), clock.clone());
    let inside = ProxyServerEndpoint::new(below, clock.clone());
    drop(inside.listen(echo(&records[1])));
    let below = TlsClientEndpoint::new(client, name(), network.client("inside"), clock);
    let inside = ProxyClientEndpoint::new(below);
    assert_eq!(greet(&network, &inside).received(), b"hello");

    for seen in records.map(|record| record.transport()) {
        assert!(seen.as_tls().is_some() && seen.query::<ProxyHeader>().is_some());
    }
}

/// The bytes of a client that sends a header and a ClientHello.
fn first_flight(authority: &Authority, header: &[u8]) -> Vec<u8> {
    let clock = Clock::new();
    let client =
        wrap_client(Arc::new(authority.client(&TLS13)), name(), echo(&Record::new()), clock);
    let wire = StringTransport::new();
    let client = client.build_protocol(&wire.peer()).unwrap();
    client.deliver(Event::ConnectionMade(&wire.as_transport()));
    [header, &wire.value()].concat()
}

#[test]
fn a_header_and_a_client_hello_cut_at_every_byte_reach_tls_and_the_peer_is_the_headers() {
    let authority = Authority::new();
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.22 56324 8443\r\n";
    let flight = first_flight(&authority, header);
    let config = Arc::new(authority.identity("localhost").server());
    for cut in 0..=flight.len() {
        let (clock, record) = (Clock::new(), Record::new());
        let tls = wrap_server(config.clone(), echo(&record), clock.clone());
        let server = ProxyFactory::new(tls, clock, ProxyServerOptions::default());
        let wire = StringTransport::new();
        let server = server.build_protocol(&Address::Other("memory".into())).unwrap();
        server.deliver(Event::ConnectionMade(&wire.as_transport()));
        for piece in [&flight[..cut], &flight[cut..]] {
            server.deliver(Event::DataReceived(&mut piece.to_owned()));
        }
        assert_eq!(record.transport().peer().to_string(), "192.0.2.1:56324");
        assert!(wire.value().starts_with(b"\x16\x03\x03"), "cut at {cut}: no ServerHello");
    }
}

/// The wire of a client over IPv4.
struct Ipv4;

impl Layer for Ipv4 {
    fn peer(&self, _: &dyn Transport) -> Address {
        std::net::SocketAddr::from(([192, 0, 2, 1], 56324)).into()
    }

    fn host(&self, _: &dyn Transport) -> Address {
        std::net::SocketAddr::from(([192, 0, 2, 22], 8443)).into()
    }
}

#[test]
fn a_relay_that_ends_tls_tells_of_version_suite_alpn_and_the_clients_certificate() {
    let authority = Authority::new();
    for (version, told, cipher) in
        [(&TLS13, "TLSv1.3", "TLS_AES"), (&TLS12, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES")]
    {
        let (network, clock, record) = (Network::new(), Clock::new(), Record::new());
        let of_back = record.clone();
        let back = factory_fn(move |_| Recorder::new(&of_back));
        drop(network.server("back").listen(back));
        let back = ProxyClientEndpoint::new(network.client("back"));
        let mut server = authority.demanding_server(&authority.identity("localhost"));
        server.alpn_protocols = vec![b"h2".to_vec()];
        let relay = RelayFactory::new(back, clock.clone()).into_rc();
        let relay = wrap_server(Arc::new(server), relay, clock.clone());

        let mut client = authority.client_named(version, "client.example");
        client.alpn_protocols = vec![b"h2".to_vec()];
        let client = wrap_client(Arc::new(client), name(), echo(&Record::new()), clock);
        let peer = Address::Other("memory".into());
        let relayed: Rc<dyn Deliver> = wrap_protocol(relay.build_protocol(&peer).unwrap(), Ipv4);
        let pair = Pair::new(client.build_protocol(&peer).unwrap(), relayed);
        pair.flush();
        network.flush();

        let Ok(Progress::Complete { header, .. }) =
            ProxyHeaderParser::new().push(&record.received())
        else {
            panic!("{:?}", record.received());
        };
        assert_eq!(header.addresses.unwrap().source.to_string(), "192.0.2.1:56324");
        assert_eq!(header.tlvs.alpn(), Some(&b"h2"[..]));
        let ssl = header.tlvs.ssl().unwrap();
        assert_ne!(ssl.client & SslTlv::CLIENT_CERT_CONN, 0);
        assert!(ssl.is_verified());
        assert_eq!(ssl.version(), Some(told));
        assert_eq!(ssl.common_name(), Some("client.example"));
        assert_eq!(header.tlvs.authority(), Some("localhost"));
        assert!(ssl.cipher().unwrap().starts_with(cipher), "{ssl:?}");
    }
}
