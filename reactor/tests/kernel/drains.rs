//! A port with its clients on real sockets: it drains, and it throttles.

use std::cell::Cell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Factory, ListenTcp, ListeningPort, Protocol, ReactorTcp as _, StreamServerEndpoint,
    Transport,
};
use protocol::factory_fn;
use protocol::policies::{ServerPort, ThrottleLimits, ThrottlingFactory};
use ropewalk_reactor::Reactor;

use crate::support::{PATIENCE, echo, listen, turn_until};

const GRACE: Duration = Duration::from_millis(600);
const WORK: Duration = Duration::from_millis(200);
const ANSWER: usize = 1_000_000;

struct Loopback(Reactor);

impl StreamServerEndpoint for Loopback {
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        match self.0.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), factory) {
            Ok(port) => Deferred::succeed(port),
            Err(error) => Deferred::fail(Failure::new(error)),
        }
    }
}

/// Works for a while when it is asked to, answers at length and closes.
struct Worker(Reactor);

impl Protocol for Worker {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        let transport = transport.clone();
        self.0.call_later(WORK, move || {
            transport.write(&vec![b'x'; ANSWER]);
            transport.lose_connection();
        });
    }
}

/// Reads to the end on a thread of its own: how much came, and when it was over.
fn reading(mut client: TcpStream) -> std::thread::JoinHandle<(usize, Instant)> {
    std::thread::spawn(move || {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        (all.len(), Instant::now())
    })
}

#[test]
fn a_drain_refuses_clients_at_once_lets_work_end_and_is_over_a_second_after_its_grace() {
    let reactor = Reactor::new().unwrap();
    let worker = {
        let reactor = reactor.clone();
        factory_fn(move |_: &Address| Worker(reactor.clone()))
    };
    let port = ServerPort::listen(&Loopback(reactor.clone()), worker, reactor.clone());
    let port = port.try_into_result().unwrap().unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let [mut busy, idle] = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    turn_until(&reactor, "both are accepted", || port.connections() == 2);
    busy.write_all(b"work").unwrap();
    reactor.turn(Some(PATIENCE)).unwrap();
    let [busy, idle] = [busy, idle].map(reading);

    let begun = Instant::now();
    let over = Rc::new(Cell::new(None));
    let seen = over.clone();
    let _drained = port.drain(GRACE).add_callback(move |drained| {
        seen.set(Some((drained.unfinished, Instant::now())));
        Ok(())
    });
    // Refused at once: before another turn.
    let refused = TcpStream::connect(address).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    turn_until(&reactor, "the drain is over", || over.get().is_some());
    let (unfinished, ended) = over.get().unwrap();
    assert!(begun.elapsed() >= GRACE);
    assert!(ended <= begun + GRACE + Duration::from_secs(1), "{:?}", ended - begun);
    assert_eq!(unfinished, 1, "the idle one");
    assert_eq!(busy.join().unwrap().0, ANSWER);
    let (length, closed) = idle.join().unwrap();
    assert_eq!(length, 0);
    assert!(closed >= begun + GRACE, "it was cut {:?} early", begun + GRACE - closed);
}

#[test]
fn a_third_client_of_two_is_accepted_and_closed_and_a_fourth_stays_when_one_has_left() {
    let reactor = Reactor::new().unwrap();
    let limits = ThrottleLimits::default().with_connections(Some(2));
    let factory = Rc::new(ThrottlingFactory::new(echo(), reactor.clone(), limits));
    let (port, address) = listen(&reactor, factory.clone());
    let connect = |address: SocketAddr| {
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    };
    let answers = |mut client: &TcpStream| {
        client.write_all(b"x").unwrap();
        client.set_nonblocking(true).unwrap();
        let mut answer = [0];
        turn_until(&reactor, "it is answered", || client.read(&mut answer).is_ok());
        client.set_nonblocking(false).unwrap();
    };
    let [first, second] = [(); 2].map(|()| connect(address));
    turn_until(&reactor, "both are accepted", || factory.connections() == 2);
    let third = connect(address);
    third.set_nonblocking(true).unwrap();
    turn_until(&reactor, "the third one is closed", || (&third).read(&mut [0]).is_ok());
    assert_eq!(factory.connections(), 2);
    [&first, &second].into_iter().for_each(answers);
    drop(first);
    turn_until(&reactor, "the first one has left", || factory.connections() == 1);
    let fourth = connect(address);
    turn_until(&reactor, "the fourth one is there", || factory.connections() == 2);
    [&second, &fourth].into_iter().for_each(answers);
    drop(port);
    reactor.disconnect_all();
}
