//! What is written during one callback leaves in one system call, counted where each is noted.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, Chunk, ConnectTcp, ListenTcp, Protocol, ReactorTcp as _, Transport};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Faults, Reactor, Simulated};

/// Answers whatever comes with ten writes made by a function.
struct Ten<F>(F);

impl<F: Fn(&dyn Transport) + 'static> Protocol for Ten<F> {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, _: &[u8]) {
        for _ in 0..10 {
            (self.0)(&**transport);
        }
    }
}

/// How many times the server wrote, and what the client received.
fn answers(write: impl Fn(&dyn Transport) + Clone + 'static) -> (usize, Vec<u8>) {
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    let record = Record::default();
    let any_port = ListenTcp::new(([127, 0, 0, 1], 0));
    let server = factory_fn(move |_: &Address| Ten(write.clone()));
    let port = reactor.listen_tcp(&any_port, server).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let client = record.clone();
    let client = factory_fn(move |_: &Address| Recorder::new(&client));
    drop(reactor.connect_tcp(&ConnectTcp::new(address), client));
    turns(&reactor);
    record.transport().write(b"go");
    reactor.system().keep_log(10_000);
    turns(&reactor);
    let log = reactor.system().log();
    reactor.disconnect_all();
    let writes = log.iter().filter(|line| line.contains(" send")).count();
    // One of them is the client's own.
    (writes - 1, record.received())
}

fn turns(reactor: &Reactor<Simulated>) {
    for _ in 0..50 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
}

#[test]
fn ten_writes_in_one_callback_are_one_system_call() {
    let (calls, received) = answers(|transport| transport.write(b"0123456789"));
    assert_eq!(received, b"0123456789".repeat(10));
    assert_eq!(calls, 1);
}

#[test]
fn ten_sequences_of_chunks_in_one_callback_are_one_system_call() {
    let chunks = || vec![Chunk::from(b"01234"), Chunk::from(b"56789".to_vec())];
    let (calls, received) = answers(move |transport| transport.write_sequence(chunks()));
    assert_eq!(received, b"0123456789".repeat(10));
    assert_eq!(calls, 1);
}

#[test]
fn writes_and_chunks_between_each_other_keep_their_order_and_are_one_system_call() {
    let (calls, received) = answers(|transport| {
        transport.write(b"01");
        transport.write_sequence(vec![Chunk::from(b"23")]);
        transport.write(b"45");
    });
    assert_eq!(received, b"012345".repeat(10));
    assert_eq!(calls, 1);
}
