//! What happens between two datagrams that one receive brings, joined or not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, DatagramProtocol, DatagramTransport, ListenUdp, Observer, ReactorEvent,
    ReactorUdp as _,
};
use protocol::datagram_protocol;
use protocol::testing::DatagramRecorder;
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Simulated};

use crate::datagrams::{reactor, settle};

type Log = Rc<RefCell<Vec<String>>>;

fn open(
    reactor: &Reactor<Simulated>,
    protocol: impl DatagramProtocol,
) -> Rc<dyn DatagramTransport> {
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    reactor.listen_udp(&options, datagram_protocol(protocol)).unwrap()
}

/// A port that sends this many datagrams of one byte, which arrive before they are received.
fn send_all(reactor: &Reactor<Simulated>, count: u8, to: &Address) -> Rc<dyn DatagramTransport> {
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let client = reactor.listen_udp(&options, DatagramRecorder::silent().0).unwrap();
    (0..count).for_each(|number| client.send_to(&[number], to).unwrap());
    reactor.turn(Some(Duration::ZERO)).unwrap();
    client
}

/// Wakes a task with every datagram.
struct Waker {
    reactor: Reactor<Simulated>,
    log: Log,
}

impl DatagramProtocol for Waker {
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, data: &[u8], _: &Address) {
        let (deferred, promise) = Deferred::<()>::new();
        let (log, number) = (self.log.clone(), data[0]);
        drop(self.reactor.spawn(async move {
            deferred.await?;
            log.borrow_mut().push(format!("task {number}"));
            Ok::<_, Failure>(())
        }));
        promise.fire(Ok(()));
        self.log.borrow_mut().push(format!("datagram {number}"));
    }
}

#[test]
fn a_task_that_a_datagram_wakes_runs_before_the_next_datagram() {
    let reactor = reactor(Faults::none());
    let log = Log::default();
    let server = open(&reactor, Waker { reactor: reactor.clone(), log: log.clone() });
    let client = send_all(&reactor, 60, &server.host());
    settle(&reactor);
    let each = |number| [format!("datagram {number}"), format!("task {number}")];
    assert_eq!(*log.borrow(), (0..60).flat_map(each).collect::<Vec<_>>());
    assert_eq!((server.counts().received, client.counts().sent), (60, 60));
}

/// Makes a turn of the reactor with every datagram.
struct Turner {
    reactor: Reactor<Simulated>,
    log: Log,
}

impl DatagramProtocol for Turner {
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, data: &[u8], _: &Address) {
        self.log.borrow_mut().push(format!("datagram {}", data[0]));
        self.reactor.turn(Some(Duration::ZERO)).unwrap();
    }
}

#[test]
fn datagrams_come_in_order_though_the_protocol_makes_turns() {
    let reactor = reactor(Faults::none());
    let log = Log::default();
    let server = open(&reactor, Turner { reactor: reactor.clone(), log: log.clone() });
    send_all(&reactor, 60, &server.host());
    settle(&reactor);
    let expected: Vec<_> = (0..60).map(|number| format!("datagram {number}")).collect();
    assert_eq!(*log.borrow(), expected);
}

/// Panics at the datagram with the number 7.
struct Fragile {
    log: Log,
}

impl DatagramProtocol for Fragile {
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, data: &[u8], _: &Address) {
        assert_ne!(data, [7], "on purpose");
        self.log.borrow_mut().push(format!("datagram {}", data[0]));
    }
}

/// Notes whose datagrams cost panics.
struct Peers(RefCell<Vec<Option<Address>>>);

impl Observer for Peers {
    fn observe(&self, event: &ReactorEvent<'_>) {
        if let ReactorEvent::CallbackPanicked { peer, .. } = event {
            self.0.borrow_mut().push(peer.cloned());
        }
    }
}

#[test]
fn a_panic_ends_its_batch_and_is_told_with_the_sender_of_its_datagram() {
    let reactor = reactor(Faults::none());
    let (peers, log) = (Rc::new(Peers(RefCell::default())), Log::default());
    reactor.set_observer(peers.clone());
    let server = open(&reactor, Fragile { log: log.clone() });
    let client = send_all(&reactor, 20, &server.host());
    settle(&reactor);
    let before: Vec<_> = (0..7).map(|number| format!("datagram {number}")).collect();
    assert_eq!(*log.borrow(), before);
    assert_eq!(*peers.0.borrow(), [Some(client.host())]);
    assert_eq!((server.counts().received, reactor.counts().datagram_ports), (8, 1));
}
