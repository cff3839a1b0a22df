//! Streams of a reactor in corners that real networks reach rarely, each named after what went wrong
//! there once.
//!
//! Invariant: a wait for an event that never comes shows as a deadlock of the simulation.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use interfaces::{
    Address, ConnectTcp, ConnectUnix, HalfCloseableProtocol, ListenTcp, ListenUnix, ListeningPort,
    Protocol, ReactorTcp, ReactorUnix, Reason, Transport, UnixAddress,
};
use protocol::factory_fn;
use ropewalk_reactor::simulated::{Chance, Faults, Links, Simulated, SimulatedStream};
use ropewalk_reactor::sys::{StreamSys as _, Sys as _};
use ropewalk_reactor::{Limits, Reactor};

use crate::only_ports;

/// What happened to some protocol.
type Diary = Rc<RefCell<Vec<String>>>;

/// Runs a closure when the connection is made, and keeps each event as a line of text.
struct Diarist<F> {
    diary: Diary,
    start: F,
    half_closeable: bool,
}

impl<F: FnMut(&Rc<dyn Transport>) + 'static> Protocol for Diarist<F> {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        (self.start)(transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.diary.borrow_mut().push(format!("{} bytes", data.len()));
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.diary.borrow_mut().push(reason.to_string());
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.half_closeable { Some(self) } else { None }
    }
}

impl<F> HalfCloseableProtocol for Diarist<F> {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.diary.borrow_mut().push("end of file".to_owned());
    }
}

fn address() -> SocketAddr {
    "127.0.0.1:80".parse().expect("an address")
}

fn quiet(seed: u64) -> Reactor<Simulated> {
    let network = Simulated::new(seed);
    network.set_faults(Faults::none());
    // Fast enough for the megabytes below, and far too small to hold them.
    network.set_links(Links { buffer: 4096..=65536, segment: 1460..=1460, ..Links::default() });
    Reactor::on(network, Limits::default())
}

fn diarist(
    diary: &Diary,
    start: impl FnMut(&Rc<dyn Transport>) + Copy + 'static,
    half_closeable: bool,
) -> Rc<dyn interfaces::Factory> {
    let diary = diary.clone();
    factory_fn(move |_: &Address| Diarist { diary: diary.clone(), start, half_closeable })
}

fn listening(
    reactor: &Reactor<Simulated>,
    diary: &Diary,
    start: impl FnMut(&Rc<dyn Transport>) + Copy + 'static,
) -> Rc<dyn ListeningPort> {
    let factory = diarist(diary, start, false);
    reactor.listen_tcp(&ListenTcp::new(address()), factory).expect("listens")
}

/// Turns until nothing but ports is left; a wait without end is a failure.
fn finish(reactor: &Reactor<Simulated>) {
    while !only_ports(reactor.counts()) {
        reactor.turn(Some(std::time::Duration::from_secs(1))).expect("turns");
        assert!(reactor.system().now().as_secs() < 3600, "no end: {:?}", reactor.counts());
    }
}

fn entries(diary: &Diary) -> Vec<String> {
    diary.borrow().clone()
}

#[test]
fn a_greeting_that_came_with_the_connection_is_read() {
    for seed in 0..50 {
        let reactor = quiet(seed);
        // The report that the connection stands comes late enough to tell of the greeting too.
        let late = Faults { delayed_report: Chance::per_mille(500), ..Faults::none() };
        reactor.system().set_faults(late);
        let (server, client) = (Diary::default(), Diary::default());
        let port = listening(&reactor, &server, |transport| transport.write(b"hello"));
        let factory = diarist(&client, |_| {}, false);
        drop(reactor.connect_tcp(&ConnectTcp::new(address()), factory));
        for _ in 0..20 {
            reactor.turn(Some(std::time::Duration::from_secs(1))).expect("turns");
        }
        assert_eq!(entries(&client), ["5 bytes"], "seed {seed}");
        reactor.disconnect_all();
        drop(port);
    }
}

#[test]
fn two_ends_that_close_with_more_unsent_than_buffers_hold_both_end() {
    let start = |transport: &Rc<dyn Transport>| {
        transport.write(&[7; 1_000_000]);
        transport.lose_connection();
    };
    let paused = |transport: &Rc<dyn Transport>| {
        transport.pause_producing();
        transport.write(&[7; 1_000_000]);
        transport.lose_connection();
    };
    for seed in 0..10 {
        let reactor = quiet(seed);
        let (server, client) = (Diary::default(), Diary::default());
        let port = listening(&reactor, &server, start);
        let factory = diarist(&client, paused, false);
        drop(reactor.connect_tcp(&ConnectTcp::new(address()), factory));
        finish(&reactor);
        for diary in [server, client] {
            assert_eq!(entries(&diary), ["connection closed cleanly"], "seed {seed}");
        }
        drop(port);
    }
}

#[test]
fn a_stream_that_was_half_closed_by_its_peer_learns_of_a_reset() {
    let reactor = quiet(1);
    let diary = Diary::default();
    let factory = diarist(&diary, |_| {}, true);
    let port = reactor.listen_tcp(&ListenTcp::new(address()), factory).expect("listens");
    let network = reactor.system().clone();
    let peer: SimulatedStream = network.connect_tcp(&ConnectTcp::new(address())).expect("begins");
    let turn = || reactor.turn(Some(std::time::Duration::from_secs(1))).expect("turns");
    (0..5).for_each(|_| turn());
    network.shutdown_write(&peer).expect("shuts down");
    (0..5).for_each(|_| turn());
    assert_eq!(entries(&diary), ["end of file"]);
    network.reset_on_close(&peer);
    drop(peer);
    (0..5).for_each(|_| turn());
    assert_eq!(entries(&diary), ["end of file", "connection lost"]);
    drop(port);
}

#[test]
fn interrupted_calls_are_made_again() {
    for seed in 0..20 {
        let reactor = quiet(seed);
        let often = Faults { interrupted: Chance::per_mille(700), ..Faults::none() };
        reactor.system().set_faults(often);
        let (server, client) = (Diary::default(), Diary::default());
        let start = |transport: &Rc<dyn Transport>| {
            transport.write(b"all that there is");
            transport.as_half_closeable().expect("TCP is").lose_write_connection();
        };
        let port = listening(&reactor, &server, start);
        let factory = diarist(&client, start, false);
        drop(reactor.connect_tcp(&ConnectTcp::new(address()), factory));
        finish(&reactor);
        for diary in [server, client] {
            let entries = entries(&diary);
            assert_eq!(entries.last().expect("ended"), "connection closed cleanly", "seed {seed}");
            assert!(entries.len() > 1, "seed {seed}");
        }
        drop(port);
    }
}

#[test]
fn the_end_of_file_leaves_right_behind_the_last_bytes_and_once() {
    let loses = |transport: &Rc<dyn Transport>| {
        transport.write(b"goodbye");
        transport.lose_connection();
    };
    let half_closes_first = |transport: &Rc<dyn Transport>| {
        transport.write(b"goodbye");
        transport.as_half_closeable().expect("TCP is").lose_write_connection();
    };
    for start in [loses, half_closes_first] {
        let reactor = quiet(1);
        reactor.system().keep_log(1000);
        let (server, client) = (Diary::default(), Diary::default());
        let port = listening(&reactor, &server, start);
        let factory = diarist(&client, |_| {}, false);
        drop(reactor.connect_tcp(&ConnectTcp::new(address()), factory));
        finish(&reactor);
        assert_eq!(entries(&client), ["7 bytes", "connection closed cleanly"]);
        let log = reactor.system().log();
        let words = log.iter().map(|line| line.split(' ').skip(1).take(2).collect());
        let calls: Vec<Vec<&str>> = words.collect();
        let sent = calls.iter().position(|call| call[0] == "send").expect("the server sends");
        assert_eq!(calls[sent + 1], ["shutdown", calls[sent][1]]);
        assert_eq!(calls.iter().filter(|call| **call == calls[sent + 1]).count(), 1);
        drop(port);
    }
}

#[test]
fn a_port_looks_who_waits_before_it_accepts_another_and_never_accepts_nobody() {
    let reactor = quiet(1);
    reactor.system().keep_log(10_000);
    let (server, client) = (Diary::default(), Diary::default());
    let port = listening(&reactor, &server, |transport| transport.lose_connection());
    for _ in 0..20 {
        let factory = diarist(&client, |_| {}, false);
        drop(reactor.connect_tcp(&ConnectTcp::new(address()), factory));
    }
    finish(&reactor);
    assert_eq!((entries(&server).len(), entries(&client).len()), (20, 20));
    let log = reactor.system().log();
    let answers = |call: &str| -> Vec<bool> {
        let of_it = log.iter().filter(|line| line.contains(call));
        of_it.map(|line| !line.ends_with("= 0") && !line.contains("= -")).collect()
    };
    assert_eq!(answers(" accept "), [true; 20]);
    let looks = answers(" look ");
    assert_eq!(looks.len(), 20);
    assert!(looks.contains(&false), "they come one by one");
    drop(port);
}

#[test]
fn a_unix_client_waits_while_the_backlog_is_full() {
    let reactor = quiet(1);
    let path = UnixAddress::Path(b"/run/x".as_slice().into());
    let options = ListenUnix::new(path.clone()).with_backlog(0);
    let network = reactor.system().clone();
    let listener = network.listen_unix(&options).expect("listens");
    let first = network.connect_unix(&path).expect("fits");
    let diary = Diary::default();
    let factory = diarist(&diary, |transport| transport.lose_connection(), false);
    drop(reactor.connect_unix(&ConnectUnix::new(path), factory));
    let turn = || reactor.turn(Some(std::time::Duration::from_millis(5))).expect("turns");
    (0..20).for_each(|_| turn());
    assert!(entries(&diary).is_empty());
    let accepted = network.accept(&listener).expect("accepts");
    (0..20).for_each(|_| turn());
    assert_eq!(entries(&diary), ["connection closed cleanly"]);
    drop((first, accepted, listener));
}

#[test]
fn a_port_without_descriptors_sheds_and_then_goes_on() {
    let reactor = quiet(1);
    let network = reactor.system().clone();
    let diary = Diary::default();
    let port = listening(&reactor, &diary, |transport| transport.lose_connection());
    let turn = || reactor.turn(Some(std::time::Duration::from_millis(200))).expect("turns");
    let clients =
        [(); 2].map(|()| network.connect_tcp(&ConnectTcp::new(address())).expect("begins"));
    network.limit_descriptors(3);
    (0..5).for_each(|_| turn());
    assert!(entries(&diary).is_empty());
    for client in &clients {
        let error = network.read(client, &mut [0; 9]).expect_err("it was reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    network.limit_descriptors(usize::MAX);
    let client = network.connect_tcp(&ConnectTcp::new(address())).expect("begins");
    (0..5).for_each(|_| turn());
    assert_eq!(entries(&diary), ["connection closed cleanly"]);
    drop((clients, client, port));
}

/// Ends its connection when the peer's end of file has it asked for its half-close role.
struct EndsWhenAsked {
    diary: Diary,
    transport: Option<Rc<dyn Transport>>,
    asked: u32,
    has_role: bool,
}

impl Protocol for EndsWhenAsked {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.transport = Some(transport.clone());
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.diary.borrow_mut().push(reason.to_string());
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.asked += 1;
        // The first time is right after `connection_made`.
        if self.asked > 1
            && let Some(transport) = &self.transport
        {
            transport.abort_connection();
        }
        if self.has_role { Some(self) } else { None }
    }
}

impl HalfCloseableProtocol for EndsWhenAsked {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.diary.borrow_mut().push("end of file".to_owned());
    }
}

#[test]
fn a_connection_that_its_protocol_ends_at_the_peers_end_of_file_hears_of_its_own_end_alone() {
    for (seed, has_role) in [(1, false), (2, true)] {
        let (reactor, diary) = (quiet(seed), Diary::default());
        let kept = diary.clone();
        let factory = factory_fn(move |_: &Address| EndsWhenAsked {
            diary: kept.clone(),
            transport: None,
            asked: 0,
            has_role,
        });
        let _port = reactor.listen_tcp(&ListenTcp::new(address()), factory).expect("listens");
        let client = diarist(&Diary::default(), |transport| transport.lose_connection(), false);
        let connecting = reactor.connect_tcp(&ConnectTcp::new(address()), client);
        finish(&reactor);
        drop(connecting);
        assert_eq!(entries(&diary), ["connection aborted"], "half-closeable: {has_role}");
    }
}
