//! The writes of one callback leave in one system call, counted in the simulator's log.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, BufferLimits, Chunk, ConnectTcp, ListenTcp, Producer, Protocol, PullProducer,
    ReactorTcp as _, Transport,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Links, Simulated};

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

/// Makes pieces of one size, each of its own letter.
struct Pieces {
    transport: Rc<dyn Transport>,
    size: usize,
    made: Cell<u8>,
    wanted: u8,
}

impl PullProducer for Pieces {
    fn resume_producing(&self) {
        let number = self.made.get();
        self.made.set(number + 1);
        self.transport.write_sequence(vec![Chunk::from(vec![b'a' + number; self.size])]);
        if number + 1 == self.wanted {
            self.transport.unregister_producer();
        }
    }

    fn stop_producing(&self) {}
}

/// In how many system calls ten pieces of a pull producer leave.
fn sent_pieces(size: usize, limits: BufferLimits) -> usize {
    const ROOM: usize = 1 << 20;
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    reactor.system().set_links(Links { buffer: ROOM..=ROOM, ..Links::default() });
    let record = Record::default();
    let any_port = ListenTcp::new(([127, 0, 0, 1], 0));
    let server = record.clone();
    let server = factory_fn(move |_: &Address| Recorder::new(&server));
    let port = reactor.listen_tcp(&any_port, server).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let client = Record::default();
    let made = client.clone();
    let made = factory_fn(move |_: &Address| Recorder::new(&made));
    drop(reactor.connect_tcp(&ConnectTcp::new(address), made));
    turns(&reactor);
    reactor.system().keep_log(100_000);
    let transport = client.transport();
    transport.set_buffer_limits(limits);
    let producer = Pieces { transport: transport.clone(), size, made: Cell::new(0), wanted: 10 };
    transport.register_producer(Producer::Pull(Rc::new(producer))).unwrap();
    (0..40).for_each(|_| turns(&reactor));
    let expected: Vec<u8> = (0..10).flat_map(|number| vec![b'a' + number; size]).collect();
    assert!(record.received() == expected, "{} bytes came", record.received().len());
    let sends = reactor.system().log().iter().filter(|line| line.contains(" send")).count();
    reactor.disconnect_all();
    sends
}

#[test]
fn pieces_of_a_pull_producer_leave_together_up_to_a_few_times_the_mark() {
    let usual = BufferLimits::default();
    // The first alone, inside the registering; then as many as reach three times the mark.
    assert_eq!(sent_pieces(64 * 1024, usual), 1 + 9_usize.div_ceil(4));
    assert_eq!(sent_pieces(1_000, usual), 1 + 1);
    let marked = usual.with_high_water(1_000);
    assert_eq!(sent_pieces(1_000, marked), 1 + 9_usize.div_ceil(4));
    assert_eq!(sent_pieces(10_000, marked), 10);
}

#[test]
fn pieces_of_a_pull_producer_are_not_gathered_beyond_the_cap() {
    let capped = BufferLimits::default().with_high_water(1_000).with_cap(1_000);
    assert_eq!(sent_pieces(1_000, capped), 10);
    assert_eq!(sent_pieces(400, capped), 1 + 9_usize.div_ceil(2));
}

/// Each piece is below the cap, and was sent before there was the next one; together they are not.
#[test]
fn pieces_of_different_sizes_below_the_cap_do_not_break_it_together() {
    struct Mixed {
        transport: Rc<dyn Transport>,
        made: Cell<usize>,
    }
    impl PullProducer for Mixed {
        fn resume_producing(&self) {
            let number = self.made.get();
            self.made.set(number + 1);
            // A head, then a body; as a server of files makes them.
            let size = if number.is_multiple_of(2) { 200 } else { 60_000 };
            self.transport.write_sequence(vec![Chunk::from(vec![b'm'; size])]);
            if number + 1 == 10 {
                self.transport.unregister_producer();
            }
        }
        fn stop_producing(&self) {}
    }
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    reactor.system().set_links(Links { buffer: 4096..=4096, ..Links::default() });
    let (record, client) = (Record::default(), Record::default());
    let server = record.clone();
    let server = factory_fn(move |_: &Address| Recorder::new(&server));
    let port = reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), server).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let made = client.clone();
    let made = factory_fn(move |_: &Address| Recorder::new(&made));
    drop(reactor.connect_tcp(&ConnectTcp::new(address), made));
    turns(&reactor);
    let transport = client.transport();
    transport.set_buffer_limits(BufferLimits::default().with_high_water(16_384).with_cap(60_100));
    let producer = Mixed { transport: transport.clone(), made: Cell::new(0) };
    transport.register_producer(Producer::Pull(Rc::new(producer))).unwrap();
    (0..100).for_each(|_| turns(&reactor));
    assert!(client.lost().is_none(), "{:?}", client.lost());
    assert_eq!(record.received().len(), 5 * 60_200);
}
