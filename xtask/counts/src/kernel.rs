//! Messages of 64 bytes through the reactor on the kernel: what each passes through, from the poll to
//! the protocol and back to the socket. The system calls themselves count as one instruction.
//!
//! The clients are std's blocking streams on the same thread. Invariant: all that a turn deals with
//! has arrived before it begins, so the kernel's pace changes nothing.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{
    ConnectTcp, Factory, ListenTcp, ListeningPort, Protocol, ReactorTcp as _, StreamClientEndpoint,
    Transport,
};
use protocol::factory_fn;
use protocol::relay::RelayFactory;
use reactor::Reactor;

use crate::wire::{Echo, MESSAGE};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connections have something to be read in one turn.
const CROWD: usize = 50;

/// The way from a relay to its server.
struct Outgoing {
    reactor: Reactor,
    address: SocketAddr,
}

impl StreamClientEndpoint for Outgoing {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_tcp(&ConnectTcp::new(self.address), factory)
    }
}

/// Says everything back, and has 2 KiB of state.
struct LargeEcho {
    _state: [u8; 2048],
}

impl Protocol for LargeEcho {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// One message in a turn.
pub(crate) fn echo_alone(repeats: u64) {
    echo(factory_fn(|_| Echo), 1, repeats);
}

/// One message in a turn, to a protocol whose state would be dear to move.
pub(crate) fn echo_alone_large(repeats: u64) {
    echo(factory_fn(|_| LargeEcho { _state: [0; 2048] }), 1, repeats);
}

/// Fifty messages in a turn, each on its connection.
pub(crate) fn echo_in_a_crowd(repeats: u64) {
    echo(factory_fn(|_| Echo), CROWD, repeats);
}

/// Two messages in a turn, each to the other connection of a relay.
pub(crate) fn relayed(repeats: u64) {
    let reactor = Reactor::new().expect("there are descriptors");
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = server.local_addr().expect("it listens");
    let outgoing = Outgoing { reactor: reactor.clone(), address };
    let relay = RelayFactory::new(outgoing, reactor.clone()).into_rc();
    let (_port, near) = connected(&reactor, relay, 1);
    let (far, _) = server.accept().expect("the relay has connected");
    let far = prepared(far);
    // The relay hears that it has connected.
    reactor.turn(Some(PATIENCE)).expect("epoll_wait does not fail");
    exchange(&reactor, near.into_iter().chain([far]).collect(), repeats);
}

/// Rounds in which each client says a message and hears one.
fn echo(factory: Rc<dyn Factory>, clients: usize, rounds: u64) {
    let reactor = Reactor::new().expect("there are descriptors");
    let (_port, clients) = connected(&reactor, factory, clients);
    exchange(&reactor, clients, rounds);
}

/// Clients of a factory.
fn connected(
    reactor: &Reactor,
    factory: Rc<dyn Factory>,
    clients: usize,
) -> (Rc<dyn ListeningPort>, Vec<TcpStream>) {
    let options = ListenTcp::new((Ipv4Addr::LOCALHOST, 0));
    let port = reactor.listen_tcp(&options, factory).expect("a port is free");
    let address = port.host().as_socket_addr().expect("it is a TCP port");
    let connect = |_| {
        let client = TcpStream::connect(address).expect("the port listens");
        reactor.turn(Some(PATIENCE)).expect("epoll_wait does not fail");
        prepared(client)
    };
    let clients = (0..clients).map(connect).collect();
    (port, clients)
}

fn prepared(client: TcpStream) -> TcpStream {
    client.set_nodelay(true).expect("it is a TCP connection");
    client.set_read_timeout(Some(PATIENCE)).expect("it is a TCP connection");
    client
}

fn exchange(reactor: &Reactor, mut clients: Vec<TcpStream>, rounds: u64) {
    let mut heard = [0; MESSAGE.len()];
    for _ in 0..rounds {
        for client in &mut clients {
            client.write_all(&MESSAGE).expect("the server lives");
        }
        reactor.turn(Some(PATIENCE)).expect("epoll_wait does not fail");
        for client in &mut clients {
            client.read_exact(&mut heard).expect("the server answers within its turn");
            assert_eq!(heard, MESSAGE);
        }
    }
}
