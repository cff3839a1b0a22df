//! The roles that change how a stream reads, under seeds: a buffer of the protocol's own, and descriptors
//! over UNIX connections.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, BufferedProtocol, ConnectTcp, ConnectUnix, FileDescriptorReceiver, ListenTcp,
    ListenUnix, Protocol, ReactorTcp as _, ReactorUnix as _, Reason, Transport, UnixAddress,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::simulated::{Faults, Links, Simulated};
use ropewalk_reactor::{Limits, Reactor};
use testkit::{Dice, pattern};

const SEEDS: u64 = 40;
const TURNS_MAX: usize = 200_000;

fn reactor(seed: u64) -> (Reactor<Simulated>, Simulated) {
    let network = Simulated::new(seed);
    network.set_faults(Faults::harmless());
    network.set_links(Links { buffer: 100..=20_000, ..Links::default() });
    let limits = Limits::default().with_read_buffer_bytes(500).with_reads_per_turn(2);
    (Reactor::on(network.clone(), limits), network)
}

fn turn_until(reactor: &Reactor<Simulated>, what: &str, done: impl Fn() -> bool) {
    for _ in 0..TURNS_MAX {
        if done() {
            return;
        }
        reactor.turn(Some(Duration::from_millis(1))).expect("turns");
    }
    panic!("waited in vain until {what}");
}

/// What a protocol has received, and in which way.
#[derive(Default)]
struct Log {
    bytes: RefCell<Vec<u8>>,
    /// Each open file, with the number of bytes before its descriptor.
    files: RefCell<Vec<(u64, usize)>>,
    updates: RefCell<Vec<usize>>,
    copies: RefCell<usize>,
    lost: RefCell<Option<Reason>>,
}

/// A protocol whose buffer has another size each time, none at times, and that pauses now and then.
struct Ring {
    log: Rc<Log>,
    dice: Dice,
    reactor: Reactor<Simulated>,
    buffer: Vec<u8>,
}

impl Ring {
    fn maybe_pause(&self, transport: &Rc<dyn Transport>) {
        if self.dice.one_in(4) {
            transport.pause_producing();
            let transport = transport.clone();
            let resume = move || transport.resume_producing();
            drop(self.reactor.call_later(Duration::from_millis(3), Box::new(resume)));
        }
    }
}

impl Protocol for Ring {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.log.bytes.borrow_mut().extend_from_slice(data);
        *self.log.copies.borrow_mut() += 1;
        self.maybe_pause(transport);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.log.lost.replace(Some(reason.clone()));
    }

    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        Some(self)
    }
}

impl BufferedProtocol for Ring {
    fn get_buffer(&mut self) -> &mut [u8] {
        let length = if self.dice.one_in(8) { 0 } else { 1 + self.dice.below(2000) };
        self.buffer = vec![0; length];
        &mut self.buffer
    }

    fn buffer_updated(&mut self, transport: &Rc<dyn Transport>, length: usize) {
        self.log.bytes.borrow_mut().extend_from_slice(&self.buffer[..length]);
        self.log.updates.borrow_mut().push(length);
        self.maybe_pause(transport);
    }
}

/// A run in which a client sends `bytes` and closes.
fn run_ring(seed: u64, bytes: &[u8]) -> (Rc<Log>, u64) {
    let (reactor, network) = reactor(seed);
    let log = Rc::new(Log::default());
    let (of_server, of_ring) = (log.clone(), reactor.clone());
    let server = factory_fn(move |_: &Address| Ring {
        log: of_server.clone(),
        dice: Dice::new(seed),
        reactor: of_ring.clone(),
        buffer: Vec::new(),
    });
    let sent = bytes.to_vec();
    let record = Record::new();
    let of_client = record.clone();
    let client = factory_fn(move |_: &Address| {
        let sent = sent.clone();
        Recorder::new(&of_client).on_made(move |transport| {
            transport.write(&sent);
            transport.lose_connection();
        })
    });
    if seed.is_multiple_of(2) {
        let address: std::net::SocketAddr = "127.0.0.1:80".parse().expect("an address");
        drop(reactor.listen_tcp(&ListenTcp::new(address), server).expect("listens"));
        drop(reactor.connect_tcp(&ConnectTcp::new(address), client));
    } else {
        let address = UnixAddress::Path(b"/run/x".as_slice().into());
        drop(reactor.listen_unix(&ListenUnix::new(address.clone()), server).expect("listens"));
        drop(reactor.connect_unix(&ConnectUnix::new(address), client));
    }
    turn_until(&reactor, "it is over", || log.lost.borrow().is_some());
    record.forget();
    reactor.disconnect_all();
    (log, network.trace_hash())
}

#[test]
fn a_protocols_own_buffer_gets_every_byte_in_order_whatever_its_size() {
    let (mut copies, mut longest) = (0, None);
    for seed in 0..SEEDS {
        let bytes = pattern(seed, 60_000);
        let (log, trace) = run_ring(seed, &bytes);
        assert!(*log.bytes.borrow() == bytes, "seed {seed}");
        assert!(log.lost.borrow().as_ref().is_some_and(Reason::is_clean), "seed {seed}");
        longest = longest.max(log.updates.borrow().iter().copied().max());
        copies += *log.copies.borrow();
        assert_eq!(trace, run_ring(seed, &bytes).1, "seed {seed}");
    }
    assert!(longest > Some(500), "the shared buffer is no limit: {longest:?}");
    assert!(copies > 0, "an empty buffer has bytes come otherwise");
}

/// Takes descriptors, and pauses at some.
struct Taker(Rc<Log>, Dice, Reactor<Simulated>);

impl Protocol for Taker {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.0.bytes.borrow_mut().extend_from_slice(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.0.lost.replace(Some(reason.clone()));
    }

    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        Some(self)
    }
}

impl FileDescriptorReceiver for Taker {
    fn file_descriptor_received(&mut self, transport: &Rc<dyn Transport>, descriptor: OwnedFd) {
        let before = self.0.bytes.borrow().len();
        self.0.files.borrow_mut().push((inode(&descriptor), before));
        if self.1.one_in(3) {
            transport.pause_producing();
            let transport = transport.clone();
            let resume = move || transport.resume_producing();
            drop(self.2.call_later(Duration::from_millis(3), Box::new(resume)));
        }
    }
}

fn inode(descriptor: &OwnedFd) -> u64 {
    File::from(descriptor.try_clone().expect("a copy")).metadata().expect("told").ino()
}

/// What the sender writes: pieces, each behind some descriptors.
type Plan = Vec<(Vec<u64>, Vec<u8>)>;

fn send(plan: &Plan, transport: &Rc<dyn Transport>, files: &RefCell<Vec<OwnedFd>>) {
    let unix = transport.as_unix().expect("it is a UNIX connection");
    for (_, bytes) in plan {
        unix.send_file_descriptor(files.borrow_mut().pop().expect("one for each"));
        unix.send_file_descriptor(files.borrow_mut().pop().expect("one for each"));
        transport.write(bytes);
    }
    transport.lose_connection();
}

fn run_passing(seed: u64) {
    let (reactor, _network) = reactor(seed);
    let log = Rc::new(Log::default());
    let dice = Dice::new(seed);
    let mut files = Vec::new();
    let mut expected = Vec::new();
    let mut sent = 0;
    let mut plan = Plan::new();
    for _ in 0..20 {
        let mut group = Vec::new();
        for _ in 0..2 {
            let (_, writer) = std::io::pipe().expect("a pipe");
            let writer = OwnedFd::from(writer);
            expected.push((inode(&writer), sent));
            group.push(inode(&writer));
            files.push(writer);
        }
        let bytes = pattern(seed + sent as u64, 1 + dice.below(3000));
        sent += bytes.len();
        plan.push((group, bytes));
    }
    files.reverse();
    let files = Rc::new(RefCell::new(files));
    let (of_server, of_taker) = (log.clone(), reactor.clone());
    let server =
        factory_fn(move |_: &Address| Taker(of_server.clone(), Dice::new(seed), of_taker.clone()));
    let all: Vec<u8> = plan.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let plan = Rc::new(plan);
    let record = Record::new();
    let (of_client, of_plan, of_files) = (record.clone(), plan.clone(), files.clone());
    let client = factory_fn(move |_: &Address| {
        let (plan, files) = (of_plan.clone(), of_files.clone());
        Recorder::new(&of_client).on_made(move |transport| send(&plan, transport, &files))
    });
    let address = UnixAddress::Path(b"/run/x".as_slice().into());
    drop(reactor.listen_unix(&ListenUnix::new(address.clone()), server).expect("listens"));
    drop(reactor.connect_unix(&ConnectUnix::new(address), client));
    turn_until(&reactor, "it is over", || log.lost.borrow().is_some());
    assert!(*log.bytes.borrow() == all, "seed {seed}");
    assert_eq!(*log.files.borrow(), expected, "seed {seed}: each before its byte, in order");
    assert!(files.borrow().is_empty());
    record.forget();
    reactor.disconnect_all();
}

#[test]
fn descriptors_arrive_exactly_before_the_byte_that_they_were_sent_with() {
    (0..SEEDS).for_each(run_passing);
}

/// A protocol that takes no descriptors, with a buffer of its own or without.
fn run_untaken(seed: u64) {
    let (reactor, _network) = reactor(seed);
    let dice = Dice::new(seed);
    let record = Record::new();
    let log = Rc::new(Log::default());
    let (of_server, of_reactor, of_record) = (log.clone(), reactor.clone(), record.clone());
    let address = UnixAddress::Path(b"/run/x".as_slice().into());
    let options = ListenUnix::new(address.clone());
    drop(match seed % 2 {
        0 => {
            reactor.listen_unix(&options, factory_fn(move |_: &Address| Recorder::new(&of_record)))
        }
        _ => {
            let ring = move |_: &Address| Ring {
                log: of_server.clone(),
                dice: Dice::new(seed),
                reactor: of_reactor.clone(),
                buffer: Vec::new(),
            };
            reactor.listen_unix(&options, factory_fn(ring))
        }
    });
    let sender = Record::new();
    let client = sender.clone();
    let factory = factory_fn(move |_: &Address| Recorder::new(&client));
    drop(reactor.connect_unix(&ConnectUnix::new(address), factory));
    turn_until(&reactor, "it is connected", || !sender.calls().is_empty());
    let transport = sender.transport();
    let mut sent = Vec::new();
    for _ in 0..10 {
        // Nothing else arrives until all of these have.
        for _ in 0..1 + dice.below(6) {
            for _ in 0..dice.below(3) {
                let (_, writer) = std::io::pipe().expect("a pipe");
                transport.as_unix().expect("it is UNIX").send_file_descriptor(writer.into());
            }
            let bytes = pattern(seed + sent.len() as u64, 1 + dice.below(200));
            transport.write(&bytes);
            sent.extend_from_slice(&bytes);
        }
        turn_until(&reactor, "all has come", || {
            record.received().len() + log.bytes.borrow().len() >= sent.len()
        });
    }
    assert!(record.received() == sent || *log.bytes.borrow() == sent, "seed {seed}");
    reactor.disconnect_all();
    record.forget();
    sender.forget();
}

#[test]
fn descriptors_that_a_protocol_does_not_take_hold_up_no_byte_behind_them() {
    (0..SEEDS).for_each(run_untaken);
}
