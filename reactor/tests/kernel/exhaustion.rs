//! A process without a free descriptor: clients are turned away or wait, connections go on, and the
//! port recovers.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::child::{in_child, processor_time, set_descriptor_limit};
use crate::support::{Lines, echo, listen, turn_until};
use interfaces::{ListeningPort, ReactorSocket as _};
use ropewalk_reactor::Reactor;
use socket2::{Domain, Socket, Type};

/// How many descriptors such a child may have.
const LIMIT: u64 = 64;

/// Opens files until no descriptor is left.
fn exhaust() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                return files;
            }
        }
    }
}

/// A client's socket, which needs no further descriptor to connect.
fn client() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

fn connect(client: &Socket, address: SocketAddr) {
    client.connect(&address.into()).unwrap();
    client.set_nonblocking(true).unwrap();
}

/// Whether the client is echoed.
fn is_served(reactor: &Reactor, mut client: &Socket) -> bool {
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    turn_until(reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    answer == *b"ping"
}

/// Whether the client was turned away by a reset, as the end of file would say that it was served; `None` as long as it waits.
fn was_turned_away(mut client: &Socket) -> Option<bool> {
    match client.read(&mut [0; 1]) {
        Ok(_) => Some(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => Some(error.kind() == io::ErrorKind::ConnectionReset),
    }
}

/// Turns for a while in which nothing is to be done, and asserts that nothing is.
fn rests(reactor: &Reactor, lines: &Rc<Lines>) {
    let (told, used, start) = (lines.0.borrow().len(), processor_time(), Instant::now());
    let mut turns = 0;
    while start.elapsed() < Duration::from_millis(500) {
        reactor.turn(Some(Duration::from_millis(100))).unwrap();
        turns += 1;
    }
    let used = processor_time().saturating_sub(used);
    // A loop that spins makes tens of thousands of turns.
    assert!(turns < 50, "{turns} turns, {used:?} of processor time");
    let told = lines.0.borrow()[told..].to_vec();
    assert!(told.len() < 10, "{told:?}");
}

#[test]
fn without_a_descriptor_the_reserve_turns_clients_away_and_the_others_go_on() {
    in_child(|| turn_clients_away(|reactor| listen(reactor, echo())));
}

#[test]
fn an_adopted_port_turns_clients_away_with_the_reserve_too() {
    in_child(|| {
        turn_clients_away(|reactor| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            (reactor.adopt_stream_port(listener.into(), echo()).unwrap(), address)
        });
    });
}

fn turn_clients_away(open: impl FnOnce(&Reactor) -> (Rc<dyn ListeningPort>, SocketAddr)) {
    set_descriptor_limit(LIMIT);
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let (_port, address) = open(&reactor);
    let (first, waiting, later) = (client(), [client(), client(), client()], client());
    connect(&first, address);
    assert!(is_served(&reactor, &first));

    let files = exhaust();
    for client in &waiting {
        connect(client, address);
    }
    for client in &waiting {
        let mut answer = None;
        turn_until(&reactor, "the client is turned away", || {
            answer = was_turned_away(client);
            answer.is_some()
        });
        assert_eq!(answer, Some(true));
    }
    assert!(is_served(&reactor, &first), "who was there goes on");
    assert_eq!(lines.count("closed the connection with the reserve"), waiting.len());
    assert_eq!(lines.count("pauses"), 0, "nothing was left to do: {:?}", lines.0);
    rests(&reactor, &lines);

    drop(files);
    connect(&later, address);
    assert!(is_served(&reactor, &later), "the port listens on");
    assert_eq!(reactor.counts().ports, 1);
}

#[test]
fn without_even_a_reserve_the_port_rests_and_recovers() {
    in_child(|| {
        set_descriptor_limit(LIMIT);
        let reactor = Reactor::new().unwrap();
        let lines = Lines::watch(&reactor);
        let (first, waiting) = (client(), [client(), client()]);
        let mut files = exhaust();
        // One for the port, and one for the first client; none for the reserve.
        files.pop();
        let (port, address) = listen(&reactor, echo());
        files.pop();
        connect(&first, address);
        assert!(is_served(&reactor, &first));

        for client in &waiting {
            connect(client, address);
        }
        turn_until(&reactor, "the port rests", || lines.count("pauses") > 0);
        assert_eq!(lines.count("EMFILE") + lines.count("OsError(24)"), lines.0.borrow().len() - 1);
        rests(&reactor, &lines);
        assert!(is_served(&reactor, &first), "who was there goes on");

        drop(files);
        for client in &waiting {
            assert!(is_served(&reactor, client), "who waited is served at last");
        }
        drop(port.stop_listening());
        assert_eq!(reactor.counts().ports, 0);
    });
}

#[test]
fn a_client_without_a_descriptor_is_told_so() {
    in_child(|| {
        use interfaces::{ConnectTcp, ListenError, ListenTcp, ReactorTcp as _};
        set_descriptor_limit(LIMIT);
        let reactor = Reactor::new().unwrap();
        let (_port, address) = listen(&reactor, echo());
        let files = exhaust();
        let told = Rc::new(std::cell::RefCell::new(None));
        let slot = told.clone();
        let attempt = reactor.connect_tcp(&ConnectTcp::new(address), echo());
        drop(attempt.add_errback(move |failure| {
            slot.replace(Some(failure));
            Ok(())
        }));
        turn_until(&reactor, "the attempt failed", || told.borrow().is_some());
        let failure = told.take().unwrap();
        let words: Vec<_> = failure.sources().map(ToString::to_string).collect();
        assert!(format!("{words:?} {failure:?}").contains("24"), "{failure:?}");
        match reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), echo()).map(drop) {
            Err(ListenError::Refused { source, hint, .. }) => {
                assert_eq!(source.raw_os_error(), libc::EMFILE);
                assert!(!hint.is_empty());
            }
            other => panic!("{other:?}"),
        }
        drop(files);
        assert_eq!(reactor.counts().attempts, 0);
    });
}
