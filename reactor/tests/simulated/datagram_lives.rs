//! Whole conversations over a network that loses, doubles and reorders, under many seeds.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, DatagramProtocol, DatagramTransport, ListenUdp, ReactorTime as _, ReactorUdp as _,
};
use protocol::{DatagramProtocolRef, datagram_protocol};
use ropewalk_reactor::simulated::{Chance, Faults, Links, Simulated};
use ropewalk_reactor::{Counts, Limits, Reactor};

/// Sends everything back.
struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        transport.send_to(data, sender).unwrap();
    }
}

/// Asks for a number of answers, a few at a time, and asks again for those that do not come.
struct Asker {
    server: Address,
    missing: BTreeSet<u32>,
    answers: Rc<Cell<u32>>,
}

/// How many questions are under way at a time.
const AT_A_TIME: usize = 7;

impl Asker {
    fn ask(&self, transport: &Rc<dyn DatagramTransport>) {
        for number in self.missing.iter().take(AT_A_TIME) {
            transport.send_to(&number.to_be_bytes(), &self.server).unwrap();
        }
    }
}

impl DatagramProtocol for Asker {
    fn start_protocol(&mut self, transport: &Rc<dyn DatagramTransport>) {
        self.ask(transport);
    }

    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        assert_eq!(*sender, self.server);
        let number = u32::from_be_bytes(data.try_into().unwrap());
        if self.missing.remove(&number) {
            self.answers.set(self.answers.get() + 1);
            if let Some(next) = self.missing.iter().nth(AT_A_TIME - 1) {
                transport.send_to(&next.to_be_bytes(), &self.server).unwrap();
            }
        }
    }
}

/// A conversation of `questions`, and the hash of its trace.
fn converse(seed: u64, questions: u32) -> u64 {
    let reactor = Reactor::simulated(seed);
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let server = reactor.listen_udp(&options, datagram_protocol(Echo)).unwrap();
    let answers = Rc::new(Cell::new(0));
    let (missing, server_address) = ((0..questions).collect(), server.host());
    let asker = Asker { server: server_address, missing, answers: answers.clone() };
    let asker = DatagramProtocolRef::new(asker);
    let client = reactor.listen_udp(&options, asker.as_deliver()).unwrap();
    let mut next = reactor.now();
    while answers.get() < questions {
        reactor.turn(Some(Duration::from_millis(20))).unwrap();
        if reactor.now() >= next {
            next = reactor.now() + Duration::from_millis(20);
            asker.enter_with(|asker, transport| asker.ask(transport));
        }
    }
    for port in [server, client] {
        drop(port.stop_listening());
    }
    for _ in 0..10 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
    assert_eq!(reactor.counts(), Counts::default());
    assert_eq!(reactor.system().carried(), Default::default());
    reactor.system().trace_hash()
}

#[test]
fn every_question_is_answered_under_every_seed() {
    for seed in 0..200 {
        converse(seed, 50);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    let hashes: BTreeSet<u64> = (0..20).map(|seed| converse(seed, 30)).collect();
    assert_eq!(hashes.len(), 20);
    for seed in 0..20 {
        assert!(hashes.contains(&converse(seed, 30)));
    }
}

/// Counts what comes.
struct Sink(Rc<Cell<u64>>);

impl DatagramProtocol for Sink {
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, _: &[u8], _: &Address) {
        self.0.set(self.0.get() + 1);
    }
}

/// Sends `count` datagrams with a loss of 5 %; returns how many came, and the hash of the trace.
fn flood(seed: u64, count: u64) -> (u64, u64) {
    let reactor = Reactor::on(Simulated::new(seed), Limits::default());
    let lost_datagram = Chance::per_mille(50);
    reactor.system().set_faults(Faults { lost_datagram, ..Faults::default() });
    reactor.system().set_links(Links::default());
    let came = Rc::new(Cell::new(0));
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let sink = reactor.listen_udp(&options, datagram_protocol(Sink(came.clone()))).unwrap();
    let source = reactor.listen_udp(&options, datagram_protocol(Sink(Rc::default()))).unwrap();
    let mut sent = 0;
    while sent < count {
        for _ in 0..50.min(count - sent) {
            source.send_to(&[0x5a; 100], &sink.host()).unwrap();
            sent += 1;
        }
        // Slower than the sink's queue fills up while a report is held back.
        let next = reactor.now() + Duration::from_millis(1);
        while source.counts().waiting > 0 || reactor.now() < next {
            reactor.turn(Some(Duration::from_millis(1))).unwrap();
        }
    }
    for _ in 0..200 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert_eq!(source.counts().sent, count);
    (came.get(), reactor.system().trace_hash())
}

fn flood_twice(count: u64) {
    let (came, hash) = flood(42, count);
    // Lost 5 %, doubled 0.5 %.
    let expected = count * 955 / 1000;
    let spread = count / 100 + 50;
    assert!(came.abs_diff(expected) < spread, "{came} of {count} came");
    assert_eq!(flood(42, count), (came, hash));
    assert_ne!(flood(43, count).1, hash);
}

#[test]
fn ten_thousand_datagrams_with_loss_give_the_same_trace_twice() {
    flood_twice(10_000);
}

/// `cargo test --release -p ropewalk-reactor --test simulated -- --ignored a_million_datagrams`
#[test]
#[ignore = "it takes seconds when optimized, and minutes when not"]
fn a_million_datagrams_with_loss_give_the_same_trace_twice() {
    flood_twice(1_000_000);
}
