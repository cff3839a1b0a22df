//! Clients that send headers, and relays that send those of their clients.

use std::rc::Rc;

use interfaces::{
    Deliver, Event, Factory as _, StreamClientEndpoint, StreamServerEndpoint as _, Transport,
};
use protocol::connect_protocol;
use protocol::relay::RelayFactory;
use protocol::testing::memory::Network;
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use ropewalk_endpoints::haproxy::{
    Checksum, ProxyClientEndpoint, ProxyClientOptions, ProxyFactory, ProxyHeader,
    ProxyServerOptions, ProxyVersion, Tlvs, tlv_type,
};

use crate::scene::{V1, V2, address, ends, header, recorders};

const CLIENT: &str = "192.0.2.1:56324";
const FRONT: &str = "192.0.2.22:8443";

/// A network in memory with a server called `back`.
struct Back {
    network: Network,
    clock: Clock,
    record: Record,
}

impl Back {
    fn new() -> Self {
        let (network, clock, record) = (Network::new(), Clock::new(), Record::new());
        drop(network.server("back").listen(recorders(&record)));
        Self { network, clock, record }
    }

    fn endpoint(
        &self,
        options: ProxyClientOptions,
    ) -> ProxyClientEndpoint<impl StreamClientEndpoint + use<>> {
        ProxyClientEndpoint::new(self.network.client("back")).with_options(options)
    }

    /// A relay to `back` accepts a connection.
    fn relay(&self, options: ProxyClientOptions, accepted: &Rc<dyn Transport>) -> Rc<dyn Deliver> {
        let relay = RelayFactory::new(self.endpoint(options), self.clock.clone());
        let side = relay.build_protocol(&accepted.peer()).unwrap();
        side.deliver(Event::ConnectionMade(accepted));
        self.network.flush();
        side
    }
}

fn v1() -> ProxyClientOptions {
    ProxyClientOptions::default().with_version(ProxyVersion::V1)
}

fn accepted() -> Rc<dyn Transport> {
    StringTransport::with_addresses(address(FRONT), address(CLIENT)).as_transport()
}

#[test]
fn a_relay_sends_the_addresses_of_the_client_that_it_serves() {
    let back = Back::new();
    let side = back.relay(v1(), &accepted());
    assert_eq!(back.record.received(), V1);
    side.deliver(Event::DataReceived(&mut b"hello".to_owned()));
    back.network.flush();
    assert_eq!(back.record.received(), [V1, b"hello"].concat());
}

#[test]
fn a_relay_sends_version_2_unless_it_is_told_another() {
    let back = Back::new();
    let transport = StringTransport::with_addresses(address("6.7.8.9:10"), address("1.2.3.4:5"));
    let _side = back.relay(ProxyClientOptions::default(), &transport.as_transport());
    assert_eq!(back.record.received(), V2);
}

#[test]
fn the_header_comes_before_all_that_the_client_sent_early() {
    let back = Back::new();
    let relay = RelayFactory::new(back.endpoint(v1()), back.clock.clone());
    let transport = accepted();
    let side = relay.build_protocol(&transport.peer()).unwrap();
    side.deliver(Event::ConnectionMade(&transport));
    side.deliver(Event::DataReceived(&mut b"early".to_owned()));
    back.network.flush();
    assert_eq!(back.record.received(), [V1, b"early"].concat());
}

#[test]
fn a_client_that_serves_no_other_sends_its_own_addresses() {
    let back = Back::new();
    let record = Record::new();
    let client = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
    drop(connect_protocol(&back.endpoint(v1()), client));
    back.network.flush();
    // Addresses in memory are of no family that a header has.
    assert_eq!(back.record.received(), b"PROXY UNKNOWN\r\nhello");
}

#[test]
fn a_checksum_is_sent_where_it_is_asked_for() {
    let back = Back::new();
    let options = ProxyClientOptions::default().with_checksum(Checksum::Crc32c);
    let _side = back.relay(options, &accepted());
    let sent = header(&back.record.received());
    assert_eq!(sent.tlvs.get(tlv_type::CRC32C).map(<[u8]>::len), Some(4));
}

#[test]
fn two_relays_in_a_row_tell_the_first_ones_client_its_name_and_its_host() {
    let back = Back::new();
    let relay = RelayFactory::new(back.endpoint(ProxyClientOptions::default()), back.clock.clone());
    let options = ProxyServerOptions::default();
    let behind = ProxyFactory::new(relay.into_rc(), back.clock.clone(), options);
    let transport =
        StringTransport::with_addresses(address("127.0.0.1:81"), address("127.0.0.1:9"));
    let side = behind.build_protocol(&address("127.0.0.1:9")).unwrap();
    side.deliver(Event::ConnectionMade(&transport.as_transport()));
    let tlvs = Tlvs::new()
        .with(tlv_type::AUTHORITY, b"example.com")
        .and_then(|tlvs| tlvs.with(tlv_type::NOOP, b"padding"))
        .and_then(|tlvs| tlvs.with(tlv_type::UNIQUE_ID, b"id-1"))
        .and_then(|tlvs| tlvs.with(tlv_type::NETNS, b"blue"))
        .unwrap();
    let sent = ProxyHeader::stream(address(CLIENT), address(FRONT)).with_tlvs(tlvs);
    let mut block = sent.encode_v2(Checksum::Crc32c).unwrap();
    side.deliver(Event::DataReceived(&mut block));
    back.network.flush();
    let received = header(&back.record.received());
    assert_eq!(ends(&received), Some((CLIENT.into(), FRONT.into())));
    let tlvs: Vec<_> = received.tlvs.iter().collect();
    let passed = [(tlv_type::AUTHORITY, &b"example.com"[..]), (tlv_type::UNIQUE_ID, b"id-1")];
    assert_eq!(tlvs, passed, "padding, a checksum and a namespace are about one hop");
}
