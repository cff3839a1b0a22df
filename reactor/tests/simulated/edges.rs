//! Readiness of the simulated network: a caller that follows the rules of `Sys` misses no event,
//! and the rules promise no more than that.
//!
//! Invariant: no test here waits on the real clock; an event that was lost shows as a deadlock.

use std::io::ErrorKind;
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp, ListenUnix, UnixAddress};
use ropewalk_reactor::simulated::{
    Chance, Faults, Links, Simulated, SimulatedListener, SimulatedStream,
};
use ropewalk_reactor::sys::{ConnectFault, Ready, StreamSys as _, Sys as _, Token, Watch};

const LISTENER: Token = Token(1);
const CLIENT: Token = Token(2);
const SERVER: Token = Token(3);
const SECOND: Option<Duration> = Some(Duration::from_secs(1));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp4,
    Tcp6,
    Unix,
}

const KINDS: [Kind; 3] = [Kind::Tcp4, Kind::Tcp6, Kind::Unix];

fn address(kind: Kind) -> std::net::SocketAddr {
    if kind == Kind::Tcp6 { "[::1]:80" } else { "127.0.0.1:80" }.parse().expect("an address")
}

fn path() -> UnixAddress {
    UnixAddress::Path(b"/run/x.sock".as_slice().into())
}

fn again<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn listening(network: &Simulated, kind: Kind) -> SimulatedListener {
    match kind {
        Kind::Unix => network.listen_unix(&ListenUnix::new(path())),
        Kind::Tcp4 | Kind::Tcp6 => network.listen_tcp(&ListenTcp::new(address(kind))),
    }
    .expect("listens")
}

fn connecting(network: &Simulated, kind: Kind) -> SimulatedStream {
    again(|| match kind {
        Kind::Unix => network.connect_unix(&path()),
        Kind::Tcp4 | Kind::Tcp6 => {
            network.connect_tcp(&ConnectTcp::new(address(kind))).map_err(|fault| {
                let ConnectFault::Connect(error) = fault else { panic!("{fault:?}") };
                error
            })
        }
    })
    .expect("begins")
}

/// Two ends that are connected, with nothing going wrong.
fn pair(network: &Simulated, kind: Kind) -> (SimulatedStream, SimulatedStream) {
    network.set_faults(Faults::none());
    let listener = listening(network, kind);
    let client = connecting(network, kind);
    network.poll(SECOND, &mut Vec::new()).expect("polls");
    let (server, _) = network.accept(&listener).expect("accepts");
    (client, server)
}

fn polled(network: &Simulated) -> Vec<Ready> {
    let mut ready = Vec::new();
    network.poll(SECOND, &mut ready).expect("polls");
    ready
}

fn expected(position: usize) -> u8 {
    (position % 251) as u8 ^ (position / 251) as u8
}

/// One that follows the rules: it sends `total` bytes and the end of file, and reads to the end of
/// file, each until it comes short.
struct Talker {
    stream: SimulatedStream,
    pattern: Vec<u8>,
    sent: usize,
    received: usize,
    connected: bool,
    finished: bool,
    read_to_end: bool,
    step: usize,
}

impl Talker {
    fn new(stream: SimulatedStream, total: usize, step: usize) -> Self {
        let (connected, finished, read_to_end) = (false, false, false);
        let pattern = (0..total).map(expected).collect();
        Self { stream, pattern, sent: 0, received: 0, connected, finished, read_to_end, step }
    }

    fn is_done(&self) -> bool {
        self.finished && self.read_to_end
    }

    fn react(&mut self, network: &Simulated, ready: Ready) {
        if ready.writable {
            if !self.connected {
                network.take_error(&self.stream).expect("connected");
                self.connected = true;
            }
            self.write(network);
        }
        if ready.readable && !self.read_to_end {
            self.read(network, ready.read_closed);
        }
    }

    fn write(&mut self, network: &Simulated) {
        while self.sent < self.pattern.len() {
            let end = self.pattern.len().min(self.sent + self.step);
            let data = &self.pattern[self.sent..end];
            match again(|| network.write(&self.stream, data)) {
                Ok(count) => {
                    self.sent += count;
                    if count < data.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("write: {error}"),
            }
        }
        if !self.finished {
            again(|| network.shutdown_write(&self.stream)).expect("shuts down");
            self.finished = true;
        }
    }

    fn read(&mut self, network: &Simulated, closed: bool) {
        let mut buffer = vec![0; self.step];
        loop {
            match again(|| network.read(&self.stream, &mut buffer)) {
                Ok(0) => {
                    self.read_to_end = true;
                    return;
                }
                Ok(count) => {
                    for &byte in &buffer[..count] {
                        assert_eq!(byte, expected(self.received), "at {}", self.received);
                        self.received += 1;
                    }
                    if count < buffer.len() && !closed {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("read: {error}"),
            }
        }
    }
}

fn accepted(network: &Simulated, listener: &SimulatedListener) -> Option<SimulatedStream> {
    match again(|| network.accept(listener)) {
        Ok((stream, _)) => Some(stream),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("accept: {error}"),
    }
}

/// One whole conversation; answers the trace's hash.
fn conversation(seed: u64, kind: Kind, step: usize) -> u64 {
    let network = Simulated::new(seed);
    network.set_faults(Faults { clock_jump: Chance::per_mille(5), ..Faults::harmless() });
    network.set_links(Links { buffer: 1..=4096, segment: 1..=4096, ..Links::default() });
    let listener = listening(&network, kind);
    network.register_listener(&listener, LISTENER).expect("registers");
    let mut client = Talker::new(connecting(&network, kind), 4_000, step);
    network.register(&client.stream, CLIENT, Watch::Both).expect("registers");
    let mut server: Option<Talker> = None;
    let mut ready = Vec::new();
    while !client.is_done() || server.as_ref().is_none_or(|server| !server.is_done()) {
        network.poll(None, &mut ready).unwrap_or_else(|error| {
            panic!("seed {seed}, {kind:?}: {error}");
        });
        for ready in ready.drain(..) {
            match (ready.token, &mut server) {
                (LISTENER, None) => {
                    let stream = accepted(&network, &listener);
                    server = stream.map(|stream| Talker::new(stream, 2_000, step));
                    if let Some(server) = &server {
                        network.register(&server.stream, SERVER, Watch::Both).expect("registers");
                    }
                }
                (CLIENT, _) => client.react(&network, ready),
                (SERVER, Some(server)) => server.react(&network, ready),
                _ => {}
            }
        }
    }
    let received = [client.received, server.as_ref().expect("accepted").received];
    assert_eq!(received, [2_000, 4_000], "seed {seed}, {kind:?}");
    drop((client, server, listener));
    assert_eq!(network.carried(), Default::default(), "seed {seed}, {kind:?}");
    network.trace_hash()
}

#[test]
fn whoever_follows_the_rules_never_hangs_and_gets_every_byte_in_order() {
    for kind in KINDS {
        for seed in 0..60 {
            for step in [100, 70_000] {
                conversation(seed, kind, step);
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let hashes: Vec<u64> = (0..5).map(|seed| conversation(seed, Kind::Tcp4, 100)).collect();
    let again: Vec<u64> = (0..5).map(|seed| conversation(seed, Kind::Tcp4, 100)).collect();
    assert_eq!(hashes, again);
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn registering_reports_the_present_state_once() {
    for kind in KINDS {
        let network = Simulated::new(1);
        let (client, server) = pair(&network, kind);
        network.write(&client, b"early").expect("writes");
        polled(&network);
        network.register(&server, SERVER, Watch::Both).expect("registers");
        let all = Ready { token: SERVER, readable: true, read_closed: false, writable: true };
        assert_eq!(polled(&network), [all]);
        assert_eq!(polled(&network), []);
    }
}

#[test]
fn more_data_is_reported_only_after_a_read_came_short_or_at_once_as_linux_does() {
    let (mut silent, mut told) = (0, 0);
    for seed in 0..50 {
        let network = Simulated::new(seed);
        let (client, server) = pair(&network, Kind::Tcp4);
        network.register(&server, SERVER, Watch::Both).expect("registers");
        network.write(&client, b"first").expect("writes");
        while !polled(&network).iter().any(|ready| ready.readable) {}
        polled(&network);
        network.write(&client, b"second").expect("writes");
        if polled(&network).is_empty() {
            silent += 1
        } else {
            told += 1
        }
        // A read that gets all that it asked for has not come short.
        assert_eq!(network.read(&server, &mut [0; 5]).expect("reads"), 5);
        polled(&network);
        assert_eq!(polled(&network), [], "seed {seed}");
        assert_eq!(network.read(&server, &mut [0; 9]).expect("reads"), 6);
        assert_eq!(polled(&network), [], "seed {seed}");
        network.write(&client, b"third").expect("writes");
        assert!(polled(&network).iter().any(|ready| ready.readable), "seed {seed}");
    }
    assert!(silent > 5 && told > 5, "both happen: {silent} {told}");
}

#[test]
fn a_short_read_by_fault_is_followed_by_a_report_of_the_rest() {
    for seed in 0..50 {
        let network = Simulated::new(seed);
        let (client, server) = pair(&network, Kind::Tcp4);
        network.register(&server, SERVER, Watch::Both).expect("registers");
        network.write(&client, &[7; 50]).expect("writes");
        network.set_faults(Faults { short: Chance::per_mille(900), ..Faults::none() });
        let (mut count, mut reports) = (0, 0);
        while count < 50 {
            let ready = polled(&network);
            reports += ready.len();
            if ready.iter().any(|ready| ready.readable) {
                count += network.read(&server, &mut [0; 99]).expect("reads");
            }
        }
        assert!(reports > 0);
    }
}

#[test]
fn a_refusal_by_fault_is_followed_by_another_report() {
    let network = Simulated::new(3);
    let (client, server) = pair(&network, Kind::Unix);
    network.register(&server, SERVER, Watch::Both).expect("registers");
    network.write(&client, b"x").expect("writes");
    network.set_faults(Faults { would_block: Chance::per_mille(500), ..Faults::none() });
    let mut refusals = 0;
    loop {
        let mut ready = Vec::new();
        network.poll(None, &mut ready).expect("the report comes");
        if !ready.iter().any(|ready| ready.readable) {
            continue;
        }
        match network.read(&server, &mut [0; 2]) {
            Ok(count) => break assert_eq!(count, 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        refusals += 1;
    }
    assert!(refusals > 0, "this seed refuses");
}

#[test]
fn a_look_that_finds_nobody_is_followed_by_a_report_of_who_comes() {
    for seed in 0..20 {
        let network = Simulated::new(seed);
        network.set_faults(Faults { would_block: Chance::per_mille(500), ..Faults::none() });
        let listener = listening(&network, Kind::Unix);
        network.register_listener(&listener, LISTENER).expect("registers");
        assert!(!network.connection_waits(&listener));
        let _client = connecting(&network, Kind::Unix);
        while !network.connection_waits(&listener) {
            network.poll(None, &mut Vec::new()).expect("the report comes");
        }
    }
}

#[test]
fn the_end_of_file_is_told_as_read_closed_even_behind_unread_data() {
    for kind in KINDS {
        for seed in 0..20 {
            let network = Simulated::new(seed);
            let (client, server) = pair(&network, kind);
            network.register(&server, SERVER, Watch::Both).expect("registers");
            network.write(&client, b"last words").expect("writes");
            network.shutdown_write(&client).expect("shuts down");
            let mut closed = false;
            let mut text = Vec::new();
            // Stops after a short read unless the end was told: the rule of `Sys`.
            while text.len() < 10 || !closed {
                let mut ready = Vec::new();
                network.poll(None, &mut ready).expect("the report comes");
                for ready in ready.iter().filter(|ready| ready.readable) {
                    closed |= ready.read_closed;
                    let mut buffer = [0; 99];
                    let count = network.read(&server, &mut buffer).expect("reads");
                    text.extend_from_slice(&buffer[..count]);
                }
            }
            assert_eq!(text, b"last words");
            assert_eq!(network.read(&server, &mut [0; 1]).expect("reads"), 0);
        }
    }
}

#[test]
fn reports_without_reason_come_only_while_they_are_on_and_never_decide_an_attempt() {
    let network = Simulated::new(5);
    let (_client, server) = pair(&network, Kind::Tcp4);
    network.set_faults(Faults { spurious: Chance::per_mille(900), ..Faults::none() });
    network.register(&server, SERVER, Watch::Both).expect("registers");
    polled(&network);
    let mut reports = 0;
    for _ in 0..20 {
        assert!(network.read(&server, &mut [0; 9]).is_err());
        reports += polled(&network).iter().filter(|ready| ready.readable).count();
    }
    assert!(reports > 10, "{reports}");

    let hole: std::net::SocketAddr = "192.0.2.1:80".parse().expect("an address");
    network.black_hole("192.0.2.1".parse().expect("an address"));
    let attempt = network.connect_tcp(&ConnectTcp::new(hole)).expect("begins");
    network.register(&attempt, CLIENT, Watch::Both).expect("registers");
    for _ in 0..20 {
        network.take_error(&attempt).expect("nothing is decided");
        assert!(!polled(&network).iter().any(|ready| ready.token == CLIENT));
    }
}

#[test]
fn a_delayed_report_comes_after_all() {
    let late = Faults { delayed_report: Chance::per_mille(900), ..Faults::none() };
    let network = Simulated::new(11);
    let (client, server) = pair(&network, Kind::Unix);
    network.register(&server, SERVER, Watch::Both).expect("registers");
    polled(&network);
    network.set_faults(late);
    network.write(&client, b"x").expect("writes");
    let before = network.now();
    while !polled(&network).iter().any(|ready| ready.readable) {}
    assert!(network.now() > before + Duration::from_micros(50));
}
