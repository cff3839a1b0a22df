//! Connections that only linger give their descriptors up to those that need one.
//!
//! Invariant: no client closes its own side, so that every connection which the server ends lingers.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp, ListeningPort, Protocol, ReactorTcp, Transport};
use protocol::factory_fn;
use ropewalk_reactor::simulated::{Faults, Simulated, SimulatedStream};
use ropewalk_reactor::sys::StreamSys as _;
use ropewalk_reactor::{Limits, Reactor};

/// More than there are descriptors for.
const CLIENTS: usize = 12;

/// Writes four bytes and ends the connection, in one of the two ways that linger.
struct Brief {
    ends: fn(&dyn Transport),
}

impl Protocol for Brief {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"last");
        (self.ends)(&**transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

const ENDS: [fn(&dyn Transport); 2] =
    [|transport| transport.lose_connection(), |transport| transport.lose_connection_with_reset()];

fn address() -> SocketAddr {
    "127.0.0.1:80".parse().unwrap()
}

fn quiet() -> Simulated {
    let network = Simulated::new(7);
    network.set_faults(Faults::none());
    network
}

fn serving(
    limits: Limits,
    ends: fn(&dyn Transport),
) -> (Reactor<Simulated>, Rc<dyn ListeningPort>) {
    let reactor = Reactor::on(quiet(), limits);
    let factory = factory_fn(move |_| Brief { ends });
    let port = reactor.listen_tcp(&ListenTcp::new(address()), factory).unwrap();
    (reactor, port)
}

fn turn(reactor: &Reactor<Simulated>) {
    reactor.turn(Some(Duration::from_millis(1))).unwrap();
}

/// Connects, and turns until the client has the last bytes.
fn serve(reactor: &Reactor<Simulated>) -> SimulatedStream {
    let network = reactor.system();
    let client = network.connect_tcp(&ConnectTcp::new(address())).unwrap();
    let mut got = [0; 4];
    for _ in 0..1000 {
        turn(reactor);
        match network.read(&client, &mut got) {
            Ok(length) => {
                assert_eq!(&got[..length], b"last");
                return client;
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
    panic!("the client was not served: {:?}", reactor.counts());
}

#[test]
fn a_client_is_served_where_lingering_connections_have_every_descriptor() {
    for ends in ENDS {
        let (reactor, port) = serving(Limits::default(), ends);
        let mut clients = Vec::new();
        for number in 1..=CLIENTS {
            // The port's, the clients' own, and two for their connections.
            reactor.system().limit_descriptors(1 + number + 2);
            clients.push(serve(&reactor));
        }
        drop((clients, port));
    }
}

#[test]
fn an_attempt_finds_a_descriptor_where_a_connection_only_lingers() {
    let (reactor, port) = serving(Limits::default(), ENDS[0]);
    let clients = [serve(&reactor), serve(&reactor)];
    let counts = reactor.counts();
    assert_eq!((counts.streams, counts.lingering), (0, 2));
    reactor.system().limit_descriptors(1 + 2 + 2);
    let factory = factory_fn(|_| Brief { ends: ENDS[0] });
    drop(reactor.connect_tcp(&ConnectTcp::new(address()), factory));
    let counts = reactor.counts();
    assert_eq!((counts.attempts, counts.lingering), (1, 1));
    drop((clients, port));
}

#[test]
fn those_that_linger_and_those_that_run_keep_to_the_number_of_sockets() {
    for ends in ENDS {
        let (reactor, port) = serving(Limits::default().with_sockets(4), ends);
        let clients: Vec<_> = (0..CLIENTS).map(|_| serve(&reactor)).collect();
        // With the port, and without the reset ones, which are gone once all is acknowledged.
        assert!(reactor.counts().lingering <= 3, "{:?}", reactor.counts());
        drop((clients, port));
    }
}

#[test]
fn connections_that_end_at_once_are_closed_before_many_more_are_accepted() {
    let most = Rc::new(Cell::new(0));
    let reactor = Reactor::on(quiet(), Limits::default());
    let seen = (most.clone(), reactor.clone());
    let factory = factory_fn(move |_| {
        seen.0.set(seen.0.get().max(seen.1.counts().streams));
        Brief { ends: ENDS[0] }
    });
    let port = reactor.listen_tcp(&ListenTcp::new(address()), factory).unwrap();
    let connect = |_| reactor.system().connect_tcp(&ConnectTcp::new(address())).unwrap();
    let clients: Vec<_> = (0..CLIENTS).map(connect).collect();
    (0..100).for_each(|_| turn(&reactor));
    assert_eq!((reactor.counts().streams, reactor.counts().lingering), (0, CLIENTS));
    assert!(most.get() <= 1, "{} were open when another one came", most.get());
    drop((clients, port));
}
