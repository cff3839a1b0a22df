//! The reactor on the real kernel, against std's own sockets: bytes, ends, and leftovers.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    ConnectTcp, HalfCloseableProtocol, ListenTcp, ListeningPort, Protocol, PushProducer,
    ReactorCore as _, ReactorTcp as _, Reason, Transport,
};
use ropewalk_reactor::{Counts, Reactor};

/// Sends everything back, bounded: it is the producer of its own transport.
struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let itself: Rc<dyn PushProducer> = transport.clone();
        transport.register_producer(interfaces::Producer::Push(itself)).unwrap();
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Echo {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        transport.unregister_producer();
        transport.lose_connection();
    }
}

fn listen(reactor: &Reactor) -> Rc<dyn ListeningPort> {
    let options = ListenTcp::new(([127, 0, 0, 1], 0));
    reactor.listen_tcp(&options, protocol::factory_fn(|_| Echo)).unwrap()
}

/// Runs the reactor until `peer`, on its own thread, has returned.
fn run_with<R: Send + 'static>(reactor: &Reactor, peer: impl FnOnce() -> R + Send + 'static) -> R {
    let remote = reactor.remote();
    let thread = std::thread::spawn(move || {
        let result = peer();
        remote.call_from_thread(|reactor| reactor.stop().unwrap());
        result
    });
    reactor.run().unwrap();
    thread.join().unwrap()
}

#[test]
fn what_a_client_sends_comes_back_and_nothing_is_left() {
    let reactor = Reactor::new().unwrap();
    let address = listen(&reactor).host().as_socket_addr().unwrap();
    let echoed = run_with(&reactor, move || {
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut stream = TcpStream::connect(address).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let expected = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        writing.join().unwrap();
        received == expected
    });
    assert!(echoed);
    assert_eq!(reactor.counts(), Counts::default());
}

/// Writes its lines down.
struct Log {
    name: &'static str,
    lines: Rc<RefCell<Vec<String>>>,
}

impl Protocol for Log {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"hello from ");
        transport.write(self.name.as_bytes());
        if self.name == "server" {
            transport.lose_connection();
            transport.write(b"too late");
            self.lines.borrow_mut().push("server made".into());
        }
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        self.lines.borrow_mut().push(format!("{} got {text}", self.name));
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.lines.borrow_mut().push(format!("{} lost: {reason}", self.name));
    }
}

#[test]
fn both_ends_in_one_reactor_see_each_other_end_cleanly() {
    let reactor = Reactor::new().unwrap();
    let lines = Rc::new(RefCell::new(Vec::new()));
    let log = |name| {
        let lines = lines.clone();
        protocol::factory_fn(move |_: &interfaces::Address| Log { name, lines: lines.clone() })
    };
    let options = ListenTcp::new(([127, 0, 0, 1], 0));
    let port = reactor.listen_tcp(&options, log("server")).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    drop(reactor.connect_tcp(&ConnectTcp::new(address), log("client")));
    for _ in 0..50 {
        reactor.turn(Some(Duration::from_millis(20))).unwrap();
        if lines.borrow().len() == 4 && reactor.counts().lingering == 0 {
            break;
        }
    }
    let mut lines = lines.take();
    lines.sort();
    assert_eq!(
        lines,
        [
            "client got hello from server",
            "client lost: connection closed cleanly",
            "server lost: connection closed cleanly",
            "server made",
        ]
    );
    drop(port.stop_listening());
    assert_eq!(reactor.counts(), Counts::default());
}

/// Answers with `ANSWER` bytes, closes, and stops the reactor when that is done.
struct LastWords(Reactor);

const ANSWER: usize = 50_000;

impl Protocol for LastWords {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        transport.write(&[7; ANSWER]);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        self.0.stop().unwrap();
    }
}

#[test]
fn last_words_arrive_though_the_peer_still_talks_and_the_reactor_stops() {
    let reactor = Reactor::new().unwrap();
    let server = reactor.clone();
    let factory = protocol::factory_fn(move |_: &interfaces::Address| LastWords(server.clone()));
    let port = reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), factory).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // More than what makes the server answer, and before anything is read.
        for _ in 0..20 {
            stream.write_all(&[1; 10_000]).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).map(|_| received.len())
    });
    reactor.run().unwrap();
    assert_eq!(client.join().unwrap().unwrap(), ANSWER);
    assert_eq!(reactor.counts(), Counts::default());
}
