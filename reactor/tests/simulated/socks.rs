//! A SOCKS proxy on a simulated network, and clients that speak to it byte by byte.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp, ReactorTcp as _, ReactorTime as _};
use protocol::factory_fn;
use protocol::socks::{SocksCommand, SocksFactory};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Simulated};

pub(crate) const PROXY: &str = "127.0.0.1:1080";
/// The destination, which is 127.0.0.2 with the port 80.
const GO: &[u8] = b"\x04\x01\0\x50\x7f\0\0\x02me\0";
const GRANTED: &[u8] = b"\0\x5a\0\x50\x7f\0\0\x02";
const REFUSED: &[u8] = b"\0\x5b\0\0\0\0\0\0";
/// The greeting of version 5, and the request for the same destination.
const GO5: &[u8] = b"\x05\x01\0\x01\x7f\0\0\x02\0\x50";

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A reactor with the proxy, and with a destination that says everything back.
pub(crate) struct Scene {
    pub(crate) reactor: Reactor<Simulated>,
    /// The records of the destination's connections.
    destination: Rc<RefCell<Vec<Record>>>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|proxy| proxy)
    }

    pub(crate) fn with(options: impl FnOnce(SocksFactory) -> SocksFactory) -> Self {
        let reactor = Reactor::simulated(1);
        reactor.system().set_faults(Faults::none());
        reactor.system().set_host("destination.example", [at("127.0.0.2:0").ip()]);
        let proxy = options(SocksFactory::new(Rc::new(reactor.clone()))).into_rc();
        let _port = reactor.listen_tcp(&ListenTcp::new(at(PROXY)), proxy).unwrap();
        let destination = Rc::<RefCell<Vec<Record>>>::default();
        let records = destination.clone();
        let echo = factory_fn(move |_| {
            let record = Record::new();
            records.borrow_mut().push(record.clone());
            Recorder::new(&record).on_data(|transport, data| transport.write(data))
        });
        let _port = reactor.listen_tcp(&ListenTcp::new(at("127.0.0.2:80")), echo).unwrap();
        Self { reactor, destination }
    }

    /// Half a second, in which everything arrives.
    pub(crate) fn turns(&self) {
        let over = Rc::new(Cell::new(false));
        let end = over.clone();
        let _call = self.reactor.call_later(Duration::from_millis(500), move || end.set(true));
        while !over.get() {
            self.reactor.turn(Some(Duration::from_millis(50))).unwrap();
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let _call = self.reactor.call_later(time, || {});
        let end = self.reactor.now() + time;
        while self.reactor.now() < end {
            self.reactor.turn(Some(Duration::from_millis(50))).unwrap();
        }
        self.turns();
    }

    /// A client of the proxy that has sent this.
    fn client(&self, bytes: &[u8]) -> Record {
        self.client_to(PROXY, "127.0.0.1:0", bytes)
    }

    /// A connection from one address to another, and this on it.
    fn client_to(&self, to: &str, from: &str, bytes: &[u8]) -> Record {
        let record = Record::new();
        let (of_client, bytes) = (record.clone(), bytes.to_vec());
        let factory = factory_fn(move |_| {
            let bytes = bytes.clone();
            Recorder::new(&of_client).on_made(move |transport| transport.write(&bytes))
        });
        let options = ConnectTcp::new(at(to)).with_bind_address(Some(at(from)));
        let _connecting = self.reactor.connect_tcp(&options, factory).add_errback(|_| Ok(()));
        self.turns();
        record
    }

    /// Sends more, and answers what has come since.
    fn say(&self, client: &Record, bytes: &[u8]) -> Vec<u8> {
        let before = client.received().len();
        client.transport().write(bytes);
        self.turns();
        client.received().split_off(before)
    }

    /// Whether only the two ports are left.
    pub(crate) fn is_idle(&self) -> bool {
        crate::only_ports(self.reactor.counts())
    }

    fn connections(&self) -> usize {
        self.destination.borrow().len()
    }

    /// The port of the first answer of BIND.
    fn bound(&self, client: &Record) -> String {
        let answer = client.received();
        assert_eq!(answer[..2], [0, 0x5a], "{answer:?}");
        assert_eq!(answer[4..8], [127, 0, 0, 1]);
        format!("127.0.0.1:{}", u16::from_be_bytes([answer[2], answer[3]]))
    }
}

fn is_refused(client: &Record) -> bool {
    client.received() == REFUSED && client.lost().is_some_and(|reason| reason.is_clean())
}

/// socks-001
#[test]
fn a_connection_is_made_and_told_and_bytes_flow_both_ways() {
    let scene = Scene::new();
    let client = scene.client(GO);
    assert_eq!(client.received(), GRANTED);
    assert_eq!(scene.say(&client, b"hello"), b"hello");
    let record = scene.destination.borrow()[0].clone();
    assert_eq!(record.received(), b"hello");
    client.transport().lose_connection();
    scene.turns();
    assert!(record.lost().is_some() && scene.is_idle());
}

/// socks-002
#[test]
fn a_name_of_4a_is_looked_up_however_the_request_is_cut() {
    let scene = Scene::new();
    let client = scene.client(b"");
    for byte in b"\x04\x01\0\x50\0\0\0\x01me\0destination.example\0" {
        client.transport().write(&[*byte]);
        scene.turns();
    }
    assert_eq!(client.received(), GRANTED, "with the address that was found");
    assert_eq!(scene.say(&client, b"hello"), b"hello");
}

/// socks-003
#[test]
fn a_name_that_is_not_found_is_refused_for_either_command() {
    let scene = Scene::new();
    for command in [1, 2] {
        let request = [&[4, command][..], b"\0\x50\0\0\0\x01me\0nowhere.example\0"].concat();
        let client = scene.client(&request);
        assert!(is_refused(&client), "{:?}", client.received());
    }
    assert!(scene.is_idle());
}

/// socks-004
#[test]
fn a_request_that_is_not_allowed_opens_nothing() {
    let asked = Rc::<RefCell<Vec<_>>>::default();
    let seen = asked.clone();
    let scene = Scene::with(|proxy| {
        proxy.authorize(move |request, address| {
            seen.borrow_mut().push((request.command, request.user.clone(), address.to_string()));
            false
        })
    });
    for command in [1, 2] {
        let ports = scene.reactor.counts().ports;
        let client = scene.client(&[&[4, command], &GO[2..]].concat());
        assert!(is_refused(&client));
        assert_eq!((scene.connections(), scene.reactor.counts().ports), (0, ports));
    }
    let expected = [SocksCommand::Connect, SocksCommand::Bind]
        .map(|command| (command, "me".into(), "127.0.0.2:80".into()));
    assert_eq!(*asked.borrow(), expected);
    assert!(scene.is_idle());
}

/// socks-005: an end is passed on, and ends both when it is answered.
#[test]
fn the_end_of_either_side_ends_the_other() {
    for ends_at_the_client in [true, false] {
        let scene = Scene::new();
        let client = scene.client(GO);
        let destination = scene.destination.borrow()[0].clone();
        let (one, other) = match ends_at_the_client {
            true => (&client, &destination),
            false => (&destination, &client),
        };
        one.transport().lose_connection();
        scene.turns();
        assert!(other.lost().is_some_and(|reason| reason.is_clean()));
        assert!(one.lost().is_some_and(|reason| reason.is_clean()) && scene.is_idle());
    }
}

/// socks-007, socks-012
#[test]
fn bind_by_name_accepts_a_connection_from_the_address_that_was_found() {
    let scene = Scene::new();
    let client = scene.client(b"\x04\x02\0\x50\0\0\0\x01me\0destination.example\0");
    let peer = scene.client_to(&scene.bound(&client), "127.0.0.2:0", b"");
    let second = client.received().split_off(8);
    assert_eq!((&second[..2], &second[4..]), (&[0, 0x5a][..], &[127, 0, 0, 2][..]));
    assert_eq!(scene.say(&client, b"hello").len(), 0);
    assert_eq!(peer.received(), b"hello");
    peer.transport().write(b"well");
    scene.turns();
    assert!(client.received().ends_with(b"well"));
    peer.transport().lose_connection();
    scene.turns();
    assert!(client.lost().is_some() && scene.is_idle());
}

/// socks-009
#[test]
fn bind_refuses_a_connection_from_another_address_and_ends() {
    let scene = Scene::new();
    let client = scene.client(&[&[4, 2], &GO[2..]].concat());
    let stranger = scene.client_to(&scene.bound(&client), "127.0.0.3:0", b"");
    assert_eq!(client.received()[8..], *REFUSED);
    assert!(client.lost().is_some() && stranger.received().is_empty());
    assert!(stranger.lost().is_some() && scene.is_idle());
}

/// socks-010
#[test]
fn bind_accepts_one_connection() {
    let scene = Scene::new();
    let client = scene.client(&[&[4, 2], &GO[2..]].concat());
    let bound = scene.bound(&client);
    let _first = scene.client_to(&bound, "127.0.0.2:0", b"");
    let second = scene.client_to(&bound, "127.0.0.2:0", b"");
    assert_eq!(second.count("connection_made"), 0);
    assert_eq!(client.received().len(), 16);
}

/// socks-011
#[test]
fn what_is_wrong_is_refused_in_order() {
    let scene = Scene::new();
    let more = [GO, b"more"].concat();
    for wrong in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"\x04\x09\0\x50\x7f\0\0\x02me\0", &more] {
        let client = scene.client(wrong);
        assert!(is_refused(&client), "{:?}", client.received());
    }
    assert_eq!(scene.connections(), 0);
    assert!(scene.is_idle());
}

/// socks-011
#[test]
fn bytes_that_come_before_the_answer_are_refused() {
    let scene = Scene::new();
    scene.reactor.system().black_hole(at("192.0.2.1:1").ip());
    let client = scene.client(b"\x04\x01\0\x50\xc0\0\x02\x01me\0");
    assert!(client.received().is_empty() && client.lost().is_none());
    assert_eq!(scene.say(&client, b"early"), REFUSED);
    assert!(client.lost().is_some());
    scene.turns();
    assert!(scene.is_idle(), "{:?}", scene.reactor.counts());
}

#[test]
fn version_5_connects_and_tells_which_failure_it_was() {
    let scene = Scene::new();
    let client = scene.client(b"\x05\x01\0");
    assert_eq!(client.received(), [5, 0]);
    let answer = scene.say(&client, GO5);
    assert_eq!((answer[..4].to_vec(), answer.len()), (vec![5, 0, 0, 1], 10));
    assert_eq!(scene.say(&client, b"hello"), b"hello");
    let nowhere = scene.client(b"\x05\x01\0");
    let answer = scene.say(&nowhere, b"\x05\x01\0\x01\x7f\0\0\x02\0\x51");
    assert_eq!(answer[..2], [5, 5], "connection refused");
    assert!(nowhere.lost().is_some_and(|reason| reason.is_clean()));
    let unknown = scene.client(b"\x05\x01\0");
    let answer = scene.say(&unknown, b"\x05\x01\0\x03\x0fnowhere.example\0\x51");
    assert_eq!(answer[..2], [5, 4], "host unreachable");
    let associate = scene.client(b"\x05\x01\0");
    let answer = scene.say(&associate, b"\x05\x03\0\x01\0\0\0\0\0\0");
    assert_eq!(answer[..2], [5, 7], "command not supported");
}

#[test]
fn every_limit_on_the_time_ends_the_client() {
    let second = Duration::from_secs(1);
    let scene = Scene::with(|proxy| {
        proxy.request_time(second * 3).connect_time(second * 5).bind_time(second * 7)
    });
    let silent = scene.client(&GO[..4]);
    scene.pass(second * 3);
    assert!(silent.lost().is_some() && silent.received().is_empty());
    scene.reactor.system().black_hole(at("192.0.2.1:1").ip());
    let waiting = scene.client(b"\x04\x01\0\x50\xc0\0\x02\x01me\0");
    scene.pass(second * 3);
    assert!(waiting.lost().is_none(), "the request is over");
    scene.pass(second * 2);
    assert!(is_refused(&waiting));
    let bind = scene.client(&[&[4, 2], &GO[2..]].concat());
    scene.pass(second * 7);
    assert_eq!(bind.received()[8..], *REFUSED);
    assert!(scene.is_idle());
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    let scene = Scene::new();
    scene.reactor.system().black_hole(at("192.0.2.1:1").ip());
    let connect = b"\x04\x01\0\x50\xc0\0\x02\x01me\0";
    let bind = [&[4, 2], &GO[2..]].concat();
    for request in [&b""[..], &GO[..5], connect, &bind] {
        let client = scene.client(request);
        client.transport().abort_connection();
        scene.turns();
        assert!(scene.is_idle(), "{request:?}: {:?}", scene.reactor.counts());
    }
}
