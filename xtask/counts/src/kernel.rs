//! Messages of 64 bytes through the reactor on the kernel: what each passes through, from the poll to
//! the protocol and back to the socket. The system calls themselves count as one instruction.
//!
//! The clients are std's blocking streams on the same thread. Invariant: all that a turn deals with
//! has arrived before it begins, so the kernel's pace changes nothing.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Factory, ListenTcp, Protocol, ReactorTcp as _, Transport};
use protocol::factory_fn;
use reactor::Reactor;

use crate::wire::{Echo, MESSAGE};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connections have something to be read in one turn.
const CROWD: usize = 50;

type Transports = Rc<RefCell<Vec<Rc<dyn Transport>>>>;

/// Says everything to the neighbour of its connection, as relays do.
struct Across {
    all: Transports,
    neighbour: usize,
}

impl Protocol for Across {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let mut all = self.all.borrow_mut();
        self.neighbour = all.len() ^ 1;
        all.push(transport.clone());
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        let neighbour = self.all.borrow().get(self.neighbour).cloned();
        if let Some(neighbour) = neighbour {
            neighbour.write(data);
        }
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
    exchange(factory_fn(|_| Echo), 1, repeats);
}

/// One message in a turn, to a protocol whose state would be dear to move.
pub(crate) fn echo_alone_large(repeats: u64) {
    exchange(factory_fn(|_| LargeEcho { _state: [0; 2048] }), 1, repeats);
}

/// Fifty messages in a turn, each on its connection.
pub(crate) fn echo_in_a_crowd(repeats: u64) {
    exchange(factory_fn(|_| Echo), CROWD, repeats);
}

/// Two messages in a turn, each to the other connection.
pub(crate) fn relayed(repeats: u64) {
    let all = Transports::default();
    exchange(factory_fn(move |_| Across { all: all.clone(), neighbour: 0 }), 2, repeats);
}

/// Rounds in which each client says a message and hears one.
fn exchange(factory: Rc<dyn Factory>, clients: usize, rounds: u64) {
    let reactor = Reactor::new().expect("there are descriptors");
    let options = ListenTcp::new((Ipv4Addr::LOCALHOST, 0));
    let port = reactor.listen_tcp(&options, factory).expect("a port is free");
    let address = port.host().as_socket_addr().expect("it is a TCP port");
    let turn = || reactor.turn(Some(PATIENCE)).expect("epoll_wait does not fail");
    let mut clients: Vec<TcpStream> = (0..clients)
        .map(|_| {
            let client = TcpStream::connect(address).expect("the port listens");
            client.set_nodelay(true).expect("it is a TCP connection");
            client.set_read_timeout(Some(PATIENCE)).expect("it is a TCP connection");
            turn();
            client
        })
        .collect();
    let mut heard = [0; MESSAGE.len()];
    for _ in 0..rounds {
        for client in &mut clients {
            client.write_all(&MESSAGE).expect("the server lives");
        }
        turn();
        for client in &mut clients {
            client.read_exact(&mut heard).expect("the server answers within its turn");
            assert_eq!(heard, MESSAGE);
        }
    }
}
