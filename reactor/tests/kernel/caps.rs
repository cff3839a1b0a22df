//! Caps on the number of connections: clients wait for a place, or are let in once one has ended.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Protocol, Transport};
use protocol::factory_fn;
use protocol::policies::{LimitConnectionsByPeer, LimitTotalConnectionsFactory};
use ropewalk_reactor::Reactor;

use crate::support::{echo, listen, turn_until};

fn nonblocking(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client
}

#[test]
fn at_the_cap_clients_wait_in_the_queue_and_one_is_let_in_for_each_that_ends() {
    let reactor = Reactor::new().unwrap();
    let (refused, full) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (refuse, fill) = (refused.clone(), full.clone());
    let factory = LimitTotalConnectionsFactory::new(echo(), 2)
        .on_refused(move |_| refuse.set(refuse.get() + 1))
        .on_full(move || fill.set(fill.get() + 1))
        .into_rc();
    let (port, address) = listen(&reactor, factory);
    let mut clients: Vec<_> = (0..6).map(|_| nonblocking(address)).collect();
    for client in &mut clients {
        client.write_all(b"ping").unwrap();
    }
    let mut answer = [0; 4];
    while let Some(mut client) = (!clients.is_empty()).then(|| clients.remove(0)) {
        turn_until(&reactor, "it is served", || client.read_exact(&mut answer).is_ok());
        (0..20).for_each(|_| reactor.turn(Some(Duration::ZERO)).unwrap());
        assert!(reactor.counts().streams <= 2);
        for waiting in clients.iter_mut().skip(1) {
            let nothing = waiting.read(&mut answer).map_err(|error| error.kind());
            assert_eq!(nothing, Err(io::ErrorKind::WouldBlock));
        }
    }
    assert_eq!((refused.get(), full.get() > 0), (0, true));
    turn_until(&reactor, "all are gone", || reactor.counts().streams == 0);
    // One that waits when the port closes is reset by the system.
    let held = [nonblocking(address), nonblocking(address)];
    turn_until(&reactor, "they are let in", || reactor.counts().streams == 2);
    let mut late = nonblocking(address);
    (0..5).for_each(|_| reactor.turn(Some(Duration::ZERO)).unwrap());
    drop(port.stop_listening());
    drop(held);
    let end = late.read(&mut answer).map_err(|error| error.kind());
    assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
    turn_until(&reactor, "nothing is left", || reactor.counts().streams == 0);
}

/// Ends the connection at the first byte.
struct OneByte;

impl Protocol for OneByte {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        transport.lose_connection();
    }
}

#[test]
fn a_peer_that_comes_again_when_its_only_connection_is_being_closed_is_let_in() {
    let reactor = Reactor::new().unwrap();
    let refused = Rc::new(Cell::new(0));
    let refuse = refused.clone();
    let factory = LimitConnectionsByPeer::new(factory_fn(|_| OneByte), 1)
        .on_refused(move |_| refuse.set(refuse.get() + 1))
        .into_rc();
    let (_port, address) = listen(&reactor, factory);
    for turns_between in 0..4 {
        let mut client = nonblocking(address);
        turn_until(&reactor, "it is let in", || reactor.counts().streams == 1);
        for _ in 0..10 {
            client.write_all(b"x").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            for _ in 0..turns_between {
                reactor.turn(Some(Duration::ZERO)).unwrap();
            }
            let next = nonblocking(address);
            turn_until(&reactor, "the first has ended", || client.read(&mut [0]).is_ok());
            turn_until(&reactor, "the next is let in", || reactor.counts().streams == 1);
            client = next;
        }
        drop(client);
        turn_until(&reactor, "all are gone", || reactor.counts().streams == 0);
        assert_eq!(refused.get(), 0, "after {turns_between} turns");
    }
}
