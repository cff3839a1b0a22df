//! Servers behind proxies, over a network in memory.

use std::rc::Rc;

use interfaces::{Factory, StreamServerEndpoint as _};
use protocol::layer::{Layer, WrappingFactory};
use protocol::policies::TimeoutFactory;
use protocol::testing::memory::Network;
use protocol::testing::{Clock, Record, Recorder};
use protocol::{connect_protocol, factory_fn};
use ropewalk_endpoints::haproxy::{
    Checksum, ProxyHeader, ProxyServerEndpoint, ProxyServerOptions, Tlvs, TrustedProxies, tlv_type,
};
use testkit::result_of;

use crate::scene::{V1, V2, address, recorders};

/// A server in memory, and what a proxy sends to it.
struct Site {
    network: Network,
    clock: Clock,
}

impl Site {
    fn listening(
        options: ProxyServerOptions,
        factory: impl FnOnce(&Clock) -> Rc<dyn Factory>,
    ) -> Self {
        let (network, clock) = (Network::new(), Clock::new());
        let endpoint =
            ProxyServerEndpoint::new(network.server("site"), clock.clone()).with_options(options);
        let factory = factory(&clock);
        drop(endpoint.listen(factory));
        Self { network, clock }
    }

    fn send(&self, bytes: &[u8]) -> Record {
        let (record, bytes) = (Record::new(), bytes.to_owned());
        let client = Recorder::new(&record).on_made(move |transport| transport.write(&bytes));
        drop(connect_protocol(&self.network.client("site"), client));
        self.network.flush();
        record
    }
}

#[test]
fn a_server_behind_a_proxy_answers_its_client() {
    let record = Record::new();
    let of_server = record.clone();
    let site = Site::listening(ProxyServerOptions::default(), |_| {
        factory_fn(move |_| {
            Recorder::new(&of_server).on_data(|transport, data| transport.write(data))
        })
    });
    let client = site.send(&[V2, b"hello"].concat());
    assert_eq!(client.received(), b"hello");
    assert_eq!(record.transport().peer().to_string(), "1.2.3.4:5");
}

#[test]
fn a_peer_that_is_not_trusted_is_closed() {
    let record = Record::new();
    let of_server = record.clone();
    let options = ProxyServerOptions::default().with_trust(TrustedProxies::none());
    let site = Site::listening(options, |_| recorders(&of_server));
    let client = site.send(&[V2, b"hello"].concat());
    assert!(client.lost().is_some());
    assert_eq!(record.calls(), [""; 0]);
}

/// A layer that changes nothing.
struct Nothing;

impl Layer for Nothing {}

#[test]
fn a_question_reaches_the_header_through_layers_above_and_below_it() {
    let record = Record::new();
    let of_server = record.clone();
    let site = Site::listening(ProxyServerOptions::default(), |clock| {
        let timed = TimeoutFactory::new(recorders(&of_server), clock.clone()).into_rc();
        WrappingFactory::new(timed, |_| Nothing).into_rc()
    });
    let tlvs = Tlvs::new().with(tlv_type::AUTHORITY, b"example.com").unwrap();
    let sent = ProxyHeader::stream(address("1.2.3.4:5"), address("6.7.8.9:10")).with_tlvs(tlvs);
    site.send(&sent.encode_v2(Checksum::Crc32c).unwrap());
    let header = record.transport().query::<ProxyHeader>().unwrap();
    assert_eq!(header.tlvs.authority(), Some("example.com"));
    assert_eq!(record.transport().query::<u32>(), None);
}

#[test]
fn of_two_layers_the_inner_one_reads_the_second_header_and_trusts_the_client_of_the_first() {
    for (trust, is_trusted) in [("192.0.2.1", true), ("loopback,unix", false)] {
        let record = Record::new();
        let (network, clock) = (Network::new(), Clock::new());
        let outer = ProxyServerEndpoint::new(network.server("site"), clock.clone());
        let options = ProxyServerOptions::default().with_trust(trust.parse().unwrap());
        let both = ProxyServerEndpoint::new(outer, clock.clone()).with_options(options);
        let _port = result_of(both.listen(recorders(&record)));
        let site = Site { network, clock };
        site.send(&[V1, V2, b"hello"].concat());
        if is_trusted {
            assert_eq!(record.transport().peer().to_string(), "1.2.3.4:5");
            assert_eq!(record.received(), b"hello");
        } else {
            assert_eq!(record.calls(), [""; 0], "192.0.2.1 is no proxy of this machine");
        }
    }
}

#[test]
fn a_connection_that_is_over_leaves_nothing_behind() {
    let record = Record::new();
    let kept = Rc::new(());
    let (of_server, of_protocol) = (record.clone(), kept.clone());
    let site = Site::listening(ProxyServerOptions::default(), |_| {
        factory_fn(move |_| {
            let kept = of_protocol.clone();
            Recorder::new(&of_server).on_made(move |_| drop(kept.clone()))
        })
    });
    let client = site.send(V2);
    assert_eq!(Rc::strong_count(&kept), 3);
    client.transport().lose_connection();
    site.network.flush();
    record.forget();
    assert_eq!(Rc::strong_count(&kept), 2);
    assert_eq!(site.clock.delayed_calls().len(), 0);
}
