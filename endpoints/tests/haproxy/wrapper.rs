//! The layer below a server's protocol, event by event.

use std::borrow::Cow;
use std::rc::Rc;

use interfaces::{Address, Deliver, Event, Factory, Reason, Transport};
use protocol::testing::{Clock, ProducerState, Record, StringTransport};
use ropewalk_endpoints::haproxy::{ProxyCommand, ProxyFactory, ProxyHeader, ProxyServerOptions};

use crate::scene::{LOCAL, PROXY, SERVER, Scene, V1, V2, address, recorders};

#[test]
fn bytes_that_are_no_header_close_the_connection_and_reach_no_protocol() {
    for bytes in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", b"PROXX", b"\r\n\r\n\0\r\nQUIT\r"]
    {
        let scene = Scene::new();
        scene.receive(bytes);
        assert!(scene.transport.aborting());
        assert_eq!((scene.calls(), scene.built_for.borrow().len()), (vec![], 0));
        assert_eq!(scene.refusals(), [format!("{PROXY}: it sent no PROXY header")]);
        scene.receive(V1);
        scene.lose(Reason::Aborted);
        assert_eq!((scene.calls(), scene.refusals().len()), (vec![], 1));
    }
}

#[test]
fn a_line_with_too_few_fields_closes_the_connection() {
    let scene = Scene::new();
    scene.receive(b"PROXY TCP4 1.1.1.1\r\nTEST DATA");
    assert!(scene.transport.aborting());
    assert_eq!(scene.calls(), [""; 0]);
}

#[test]
fn a_port_that_is_no_number_closes_the_connection_as_every_mistake_does() {
    for line in ["PROXY TCP4 1.1.1.1 2.2.2.2 eighty 1", "PROXY TCP4 1.1.1.1 2.2.2.2 1 "] {
        let scene = Scene::new();
        scene.receive(format!("{line}\r\n").as_bytes());
        assert!(scene.transport.aborting(), "{line}");
        assert_eq!(scene.calls(), [""; 0]);
    }
}

/// Twisted's protocol is there before the header, with the addresses of the proxy's connection. Here
/// there is none yet, and these addresses are only the observer's.
#[test]
fn before_the_header_the_addresses_are_those_of_the_proxys_connection() {
    let scene = Scene::new();
    scene.receive(&V1[..20]);
    assert_eq!(scene.calls(), [""; 0]);
    scene.lose(Reason::Done);
    let told = [format!("{PROXY}: it ended the connection in the middle of its PROXY header")];
    assert_eq!(scene.refusals(), told);
}

/// Twisted's runs at the accept, and sees the address of the proxy.
#[test]
fn connection_made_comes_after_the_header_and_knows_the_client() {
    let scene = Scene::of(|recorder| {
        recorder.on_made(|transport| {
            assert_eq!(transport.peer().to_string(), "192.0.2.1:56324");
            assert_eq!(transport.host().to_string(), "192.0.2.22:8443");
            let header = transport.query::<ProxyHeader>().unwrap();
            assert_eq!(header.command, ProxyCommand::Proxy);
            transport.write(b"welcome");
        })
    });
    scene.receive(&V1[..V1.len() - 1]);
    assert_eq!((scene.calls(), scene.transport.value()), (vec![], vec![]));
    scene.receive(&V1[V1.len() - 1..]);
    assert_eq!(scene.calls(), ["connection_made"]);
    assert_eq!(scene.transport.value(), b"welcome");
}

/// Twisted's is asked at the accept, with the address of the proxy; so its limits by peer count the
/// proxy's connections as one peer's.
#[test]
fn the_factory_is_asked_for_the_client_and_not_for_its_proxy() {
    let scene = Scene::new();
    assert_eq!(scene.built_for.borrow().len(), 0);
    scene.receive(V1);
    assert_eq!(*scene.built_for.borrow(), ["192.0.2.1:56324"]);
}

#[test]
fn peer_and_host_are_source_and_destination_of_a_header_of_version_1() {
    let scene = Scene::new();
    scene.receive(b"PROXY TCP4 1.1.1.1 2.2.2.2 8080 8888\r\n");
    assert_eq!(scene.ends(), ("1.1.1.1:8080".into(), "2.2.2.2:8888".into()));
}

#[test]
fn peer_and_host_are_those_of_a_header_of_version_1_for_ipv6() {
    let scene = Scene::new();
    scene.receive(b"PROXY TCP6 ::1 ::2 8080 8888\r\n");
    assert_eq!(scene.ends(), ("[::1]:8080".into(), "[::2]:8888".into()));
}

#[test]
fn peer_and_host_are_those_of_a_header_of_version_2_for_each_family() {
    let scene = Scene::new();
    scene.receive(V2);
    assert_eq!(scene.ends(), ("1.2.3.4:5".into(), "6.7.8.9:10".into()));

    let scene = Scene::new();
    let mut ipv6 = [b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".as_slice(), &[0; 36]].concat();
    (ipv6[31], ipv6[47], ipv6[49], ipv6[51]) = (1, 1, 8, 9);
    scene.receive(&ipv6);
    assert_eq!(scene.ends(), ("[::1]:8".into(), "[::1]:9".into()));

    let scene = Scene::new();
    let mut unix = [b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8".as_slice(), &[0; 216]].concat();
    unix[16..18].copy_from_slice(b"/a");
    unix[124..126].copy_from_slice(b"/b");
    scene.receive(&unix);
    assert_eq!(scene.ends(), ("unix:/a".into(), "unix:/b".into()));
}

#[test]
fn bytes_in_the_headers_piece_are_delivered_once_and_without_it() {
    for header in [V1, V2] {
        let scene = Scene::new();
        scene.receive(&[header, b"TEST DATA\r\n\r\nTEST DATA"].concat());
        assert_eq!(scene.calls(), ["connection_made", "data_received"]);
        assert_eq!(scene.record.received(), b"TEST DATA\r\n\r\nTEST DATA");
    }
}

#[test]
fn a_header_cut_at_every_byte_has_its_addresses_and_the_bytes_behind_it() {
    for (header, peer) in [(V1, "192.0.2.1:56324"), (V2, "1.2.3.4:5")] {
        let bytes = [header, b"TEST DATA\r\n\r\nTEST DATA"].concat();
        for cut in 0..=bytes.len() {
            let scene = Scene::new();
            scene.receive(&bytes[..cut]);
            scene.receive(&bytes[cut..]);
            assert_eq!(scene.ends().0, peer, "cut at {cut}");
            assert_eq!(scene.record.received(), b"TEST DATA\r\n\r\nTEST DATA", "cut at {cut}");
            assert_eq!(scene.record.count("connection_made"), 1);
        }
    }
}

#[test]
fn what_looks_like_another_header_behind_the_first_is_the_clients() {
    for header in [V1, V2] {
        let scene = Scene::new();
        scene.receive(header);
        scene.receive(header);
        scene.receive(&[V2, V1, LOCAL].concat());
        assert_eq!(scene.record.received(), [header, V2, V1, LOCAL].concat());
    }
}

#[test]
fn a_header_that_ends_with_its_piece_delivers_no_bytes() {
    for header in [V1, V2] {
        let scene = Scene::new();
        scene.receive(header);
        assert_eq!(scene.calls(), ["connection_made"]);
    }
}

#[test]
fn the_first_bytes_find_the_addresses_of_the_header_there_already() {
    for (header, peer) in [(V1, "192.0.2.1:56324"), (V2, "1.2.3.4:5")] {
        let scene = Scene::of(move |recorder| {
            recorder.on_data(move |transport, _| assert_eq!(transport.peer().to_string(), peer))
        });
        scene.receive(&[header, b"x"].concat());
        assert_eq!(scene.record.received(), b"x");
    }
}

/// Twisted closes a connection whose first piece has fewer than 8 or 16 bytes.
#[test]
fn the_first_piece_may_be_one_byte_or_none() {
    for header in [V1, V2] {
        let scene = Scene::new();
        scene.receive(b"");
        for byte in header {
            scene.receive(&[*byte]);
        }
        assert_eq!(scene.calls(), ["connection_made"]);
        assert!(!scene.transport.disconnecting());
    }
}

#[test]
fn a_version_other_than_2_behind_the_signature_is_no_header() {
    let scene = Scene::new();
    scene.receive(b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c");
    assert!(scene.transport.aborting());
}

#[test]
fn a_header_without_addresses_leaves_those_of_the_connection() {
    for header in [LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff::1 x 1 2\r\n"] {
        let scene = Scene::new();
        scene.receive(header);
        scene.receive(b"hello");
        assert_eq!(scene.ends(), (PROXY.into(), SERVER.into()));
        assert_eq!(*scene.built_for.borrow(), [PROXY]);
        assert_eq!(scene.record.received(), b"hello");
        assert!(!scene.transport.disconnecting());
    }
}

#[test]
fn the_factorys_log_prefix_has_proxy_behind_it() {
    struct Named;
    impl Factory for Named {
        fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
            None
        }

        fn log_prefix(&self) -> Cow<'static, str> {
            "Web".into()
        }
    }
    let options = ProxyServerOptions::default();
    let factory = ProxyFactory::new(Rc::new(Named), Clock::new(), options);
    assert_eq!(factory.log_prefix(), "Web (PROXY)");
}

#[test]
fn a_peer_that_is_not_trusted_is_turned_away_before_it_sends_anything() {
    let record = Record::new();
    let options = ProxyServerOptions::default();
    let factory = ProxyFactory::new(recorders(&record), Clock::new(), options.clone());
    assert!(factory.build_protocol(&address("192.0.2.9:1")).is_none());
    assert!(factory.build_protocol(&address("[::1]:1")).is_some());
    let options = options.with_trust("192.0.2.0/24".parse().unwrap());
    let factory = ProxyFactory::new(recorders(&record), Clock::new(), options);
    assert!(factory.build_protocol(&address("192.0.2.9:1")).is_some());
    assert!(factory.build_protocol(&address("[::1]:1")).is_none());
}

#[test]
fn events_that_come_before_the_protocol_are_its_own_in_their_order() {
    let scene = Scene::new();
    scene.connection.deliver(Event::HandshakeCompleted);
    scene.connection.deliver(Event::Unknown(7));
    scene.receive(&[V2, b"x"].concat());
    scene.connection.deliver(Event::Unknown(8));
    let calls = [
        "connection_made",
        "handshake_completed",
        "unknown_event",
        "data_received",
        "unknown_event",
    ];
    assert_eq!(scene.calls(), calls);
}

#[test]
fn a_client_that_the_factory_refuses_is_closed() {
    struct Full;
    impl Factory for Full {
        fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
            None
        }
    }
    let factory = ProxyFactory::new(Rc::new(Full), Clock::new(), ProxyServerOptions::default());
    let transport = StringTransport::new();
    let connection = factory.build_protocol(&address(PROXY)).unwrap();
    connection.deliver(Event::ConnectionMade(&transport.as_transport()));
    assert!(!transport.disconnecting());
    connection.deliver(Event::DataReceived(&mut [V2, b"x"].concat()));
    assert!(transport.disconnecting());
    connection.deliver(Event::ConnectionLost(&Reason::Done));
}

#[test]
fn bytes_behind_the_header_wait_for_a_protocol_that_pauses() {
    let scene = Scene::of(|recorder| recorder.on_made(|transport| transport.pause_producing()));
    scene.receive(&[V2, b"one"].concat());
    scene.receive(b"two");
    assert_eq!(scene.calls(), ["connection_made"]);
    scene.record.transport().resume_producing();
    assert_eq!(scene.calls(), ["connection_made"], "no call of a transport runs its protocol");
    assert_eq!(scene.transport.producer_state(), ProducerState::Paused);
    scene.pass(0);
    assert_eq!(scene.record.received(), b"onetwo");
    assert_eq!(scene.transport.producer_state(), ProducerState::Producing);
    scene.receive(b"three");
    assert_eq!(scene.record.received(), b"onetwothree");
}

#[test]
fn bytes_that_wait_come_before_the_bad_news_behind_them() {
    let scene = Scene::of(|recorder| recorder.on_made(|transport| transport.pause_producing()));
    scene.receive(&[V2, b"one"].concat());
    scene.lose(Reason::Done);
    assert_eq!(scene.calls(), ["connection_made", "data_received", "connection_lost"]);
}

#[test]
fn a_protocol_that_closes_at_once_gets_no_bytes() {
    let closes: [fn(&dyn Transport); 2] =
        [|transport| transport.lose_connection(), |transport| transport.abort_connection()];
    for close in closes {
        let scene =
            Scene::of(move |recorder| recorder.on_made(move |transport| close(&**transport)));
        scene.receive(&[V2, b"one"].concat());
        scene.lose(Reason::Done);
        assert_eq!(scene.calls(), ["connection_made", "connection_lost"]);
    }
}
