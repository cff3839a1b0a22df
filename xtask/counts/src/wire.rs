//! A message of 64 bytes that is echoed: what the crates add to it, without a kernel.
//!
//! Invariant: each message has come back before the next one goes.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp, Protocol, ReactorTcp as _, Transport};
use protocol::testing::memory::Pair;
use protocol::{ProtocolRef, factory_fn};
use reactor::Reactor;
use reactor::simulated::{Faults, Links, Simulated};

pub(crate) const MESSAGE: [u8; 64] = [7; 64];

pub(crate) struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// Counts what comes back, and shows its transport.
#[derive(Clone, Default)]
struct Asker {
    bytes: Rc<Cell<u64>>,
    transport: Rc<Cell<Option<Rc<dyn Transport>>>>,
}

impl Protocol for Asker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.transport.set(Some(transport.clone()));
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.bytes.set(self.bytes.get() + data.len() as u64);
    }
}

/// Through the connection in memory that tests use.
pub(crate) fn echo_in_memory(repeats: u64) {
    let asker = Asker::default();
    let client = ProtocolRef::new(asker.clone()).as_deliver();
    let server = ProtocolRef::new(Echo).as_deliver();
    let pair = Pair::new(client.clone(), server.clone());
    exchange(&asker, repeats, || pair.flush());
}

/// Through the reactor on a simulated network, both ends.
pub(crate) fn echo_simulated(repeats: u64) {
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    // A message is one segment under each seed.
    reactor.system().set_links(Links::loopback());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    let echo = factory_fn(|_| Echo);
    let _port = reactor.listen_tcp(&ListenTcp::new(address), echo).expect("the port is free");
    let asker = Asker::default();
    let made = asker.clone();
    drop(reactor.connect_tcp(&ConnectTcp::new(address), factory_fn(move |_| made.clone())));
    exchange(&asker, repeats, || {
        reactor.turn(Some(Duration::from_secs(1))).expect("a simulated turn does not fail");
    });
}

/// One message after the other.
fn exchange(asker: &Asker, repeats: u64, mut turn: impl FnMut()) {
    let transport = loop {
        turn();
        if let Some(transport) = asker.transport.take() {
            break transport;
        }
    };
    for number in 1..=repeats {
        transport.write(&MESSAGE);
        while asker.bytes.get() < number * MESSAGE.len() as u64 {
            turn();
        }
    }
}
