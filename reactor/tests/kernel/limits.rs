//! Each connection is bounded: in memory, and in its share of a turn.

use std::cell::{Cell, RefCell};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use crate::support::wires::{Wire, bytes, connection};
use crate::support::{Echo, RecordExt as _, echo, listen, turn_until};
use interfaces::{
    BufferLimits, Chunk, Producer, Protocol, PullProducer, PushProducer, Reason, Transport,
};
use protocol::factory_fn;
use protocol::policies::LimitTotalConnectionsFactory;
use protocol::testing::{Record, Recorder, Seen};
use ropewalk_reactor::{Limits, Reactor};
use testkit::once;

fn nonblocking(address: std::net::SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client
}

/// Turns until the client is echoed.
fn assert_served(reactor: &Reactor, client: &mut TcpStream) {
    client.write_all(b"ping").unwrap();
    let (mut answer, mut length) = ([0; 4], 0);
    turn_until(reactor, "the echo came", || {
        length += client.read(&mut answer[length..]).unwrap_or(0);
        length == answer.len()
    });
    assert_eq!(&answer, b"ping");
}

#[test]
fn a_peer_that_never_reads_costs_no_more_than_the_cap_and_then_its_connection() {
    const CAP: usize = 1 << 20;
    for as_chunks in [false, true] {
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let (_port, address) = listen(&reactor, once(Recorder::new(&seen)));
        let mut client = nonblocking(address);
        turn_until(&reactor, "it is connected", || seen.is_made());
        let transport = seen.transport();
        transport.set_buffer_limits(BufferLimits::default().with_high_water(1 << 16).with_cap(CAP));
        let mut written = 0;
        turn_until(&reactor, "it is aborted", || {
            for _ in 0..50 {
                if as_chunks {
                    let chunks = vec![Chunk::from(vec![1; 5_000]), Chunk::from(vec![2; 5_000])];
                    transport.write_sequence(chunks);
                } else {
                    transport.write(&[0; 10_000]);
                }
                written += 10_000;
            }
            seen.is_lost()
        });
        match seen.reason() {
            Reason::WriteBufferExceeded { cap: CAP } => {}
            other => panic!("{other:?}"),
        }
        assert!(written >= CAP);
        let mut end = None;
        turn_until(&reactor, "the client learns of it", || {
            end = match client.read(&mut [0; 65536]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                Err(error) => Some(error.kind()),
                Ok(0) => Some(io::ErrorKind::UnexpectedEof),
                Ok(_) => None,
            };
            end.is_some()
        });
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
        seen.forget();
    }
}

/// Counts the calls of each kind.
#[derive(Default)]
struct Told {
    paused: Cell<usize>,
    resumed: Cell<usize>,
    stopped: Cell<usize>,
}

impl PushProducer for Told {
    fn pause_producing(&self) {
        self.paused.set(self.paused.get() + 1);
    }
    fn resume_producing(&self) {
        self.resumed.set(self.resumed.get() + 1);
    }
    fn stop_producing(&self) {
        self.stopped.set(self.stopped.get() + 1);
    }
}

#[test]
fn a_push_producer_is_paused_above_the_high_water_mark_and_resumed_when_all_is_sent() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let (_port, address) = listen(&reactor, once(Recorder::new(&seen)));
    let mut client = nonblocking(address);
    turn_until(&reactor, "it is connected", || seen.is_made());
    let transport = seen.transport();
    let producer = Rc::new(Told::default());
    transport.register_producer(Producer::Push(producer.clone())).unwrap();
    let mut written = 0;
    turn_until(&reactor, "it is paused", || {
        transport.write(&[7; 50_000]);
        written += 50_000;
        producer.paused.get() > 0
    });
    transport.write(&[7; 50_000]);
    written += 50_000;
    assert_eq!((producer.paused.get(), producer.resumed.get()), (1, 0));
    let mut read = 0;
    turn_until(&reactor, "all is read", || {
        while let Ok(length) = client.read(&mut [0; 65536]) {
            read += length;
        }
        read == written
    });
    turn_until(&reactor, "it is resumed", || producer.resumed.get() == 1);
    drop(client);
    turn_until(&reactor, "it is lost", || seen.is_lost());
    let told = (producer.paused.get(), producer.resumed.get(), producer.stopped.get());
    assert_eq!(told, (1, 1, 1));
    seen.forget();
}

#[test]
fn a_port_accepts_no_more_than_its_budget_in_a_turn_and_serves_the_others_between() {
    let limits = Limits::default().with_accepts_per_turn(4);
    let reactor = Reactor::with_limits(limits).unwrap();
    let (_port, address) = listen(&reactor, echo());
    let mut first = nonblocking(address);
    assert_served(&reactor, &mut first);
    let crowd: Vec<_> = (0..40).map(|_| nonblocking(address)).collect();
    first.write_all(b"ping").unwrap();
    let mut before = reactor.counts().streams;
    let mut served_at = None;
    while reactor.counts().streams < 41 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
        let now = reactor.counts().streams;
        assert!(now - before <= 4, "{} in one turn", now - before);
        before = now;
        if served_at.is_none() && first.read(&mut [0; 4]).is_ok() {
            served_at = Some(now);
        }
    }
    assert!(served_at.is_some_and(|crowd| crowd < 41), "the first waited for the whole crowd");
    drop(crowd);
}

#[test]
fn a_port_that_is_busy_gets_one_budget_a_turn_however_often_it_is_reported() {
    let limits = Limits::default().with_accepts_per_turn(1);
    let reactor = Reactor::with_limits(limits).unwrap();
    let (_port, address) = listen(&reactor, echo());
    let mut clients = Vec::new();
    for _ in 0..30 {
        // Each new one is reported, while the list of those still ready has the port too.
        clients.push(nonblocking(address));
        clients.push(nonblocking(address));
        let before = reactor.counts().streams;
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
        assert!(reactor.counts().streams - before <= 2);
    }
    turn_until(&reactor, "all are accepted", || reactor.counts().streams == 60);
}

#[test]
fn a_connection_that_never_stops_sending_starves_no_other() {
    let limits = Limits::default().with_reads_per_turn(2).with_read_buffer_bytes(1024);
    let reactor = Reactor::with_limits(limits).unwrap();
    let firehose = Record::new();
    let (_port, address) = listen(&reactor, once(Recorder::new(&firehose)));
    let (_other, others) = listen(&reactor, echo());
    let mut sender = nonblocking(address);
    let mut client = nonblocking(others);
    assert_served(&reactor, &mut client);
    let pour = |sender: &mut TcpStream| while sender.write(&[0; 65536]).is_ok() {};
    pour(&mut sender);
    turn_until(&reactor, "it pours", || !firehose.received().is_empty());
    for _ in 0..20 {
        pour(&mut sender);
        client.write_all(b"ping").unwrap();
        let before = firehose.received().len();
        let mut turns = 0;
        turn_until(&reactor, "the echo came", || {
            turns += 1;
            client.read(&mut [0; 4]).is_ok()
        });
        // An event and an entry on the list of those still ready are at most two budgets a turn.
        let taken = firehose.received().len() - before;
        assert!(taken <= turns * 4 * 1024, "{taken} bytes in {turns} turns");
        assert!(turns < 50, "{turns} turns");
    }
    firehose.forget();
}

/// The lengths that a protocol is given of bytes that all wait when it resumes, with a read buffer of this
/// size.
fn lengths_given(read_buffer: usize, waiting: usize) -> Vec<usize> {
    let limits = Limits::default().with_read_buffer_bytes(read_buffer);
    let reactor = Reactor::with_limits(limits).unwrap();
    let seen = Record::new();
    let server = Recorder::new(&seen).on_made(|transport| transport.pause_producing());
    let mut peer = connection(&reactor, Wire::Unix, server);
    turn_until(&reactor, "it is made", || seen.is_made());
    peer.set_send_buffer_size(2 * waiting).unwrap();
    peer.write_all(&bytes(waiting)).unwrap();
    seen.transport().resume_producing();
    turn_until(&reactor, "all is read", || seen.received().len() == waiting);
    assert!(seen.received() == bytes(waiting));
    let lengths = seen.seen().into_iter().filter_map(|seen| match seen {
        Seen::DataReceived(data) => Some(data.len()),
        _ => None,
    });
    let lengths = lengths.collect();
    seen.forget();
    lengths
}

#[test]
fn reads_that_follow_a_full_one_take_multiples_of_64_kib() {
    const KIB: usize = 1024;
    for (buffer, given) in [
        (Limits::default().read_buffer_bytes, vec![68 * KIB, 64 * KIB, 10]),
        (64 * KIB, vec![64 * KIB, 64 * KIB, 10]),
        (130 * KIB, vec![130 * KIB, 128 * KIB, 10]),
        (40 * KIB, vec![40 * KIB, 40 * KIB, 40 * KIB, 10]),
    ] {
        assert_eq!(lengths_given(buffer, given.iter().sum()), given, "a buffer of {buffer}");
    }
}

/// Writes one piece whenever it is asked, for ever.
struct Endless(RefCell<Option<Rc<dyn Transport>>>);

impl PullProducer for Endless {
    fn resume_producing(&self) {
        let transport = self.0.borrow().clone();
        transport.unwrap().write(&[0; 1000]);
    }
    fn stop_producing(&self) {
        self.0.take();
    }
}

#[test]
fn a_producer_without_end_starves_no_other() {
    let reactor = Reactor::new().unwrap();
    let endless = Record::new();
    let made = |transport: &Rc<dyn Transport>| {
        let producer = Rc::new(Endless(RefCell::new(Some(transport.clone()))));
        transport.register_producer(Producer::Pull(producer)).unwrap();
    };
    let (_port, address) = listen(&reactor, once(Recorder::new(&endless).on_made(made)));
    let (_other, others) = listen(&reactor, echo());
    let mut reader = TcpStream::connect(address).unwrap();
    let reading = std::thread::spawn(move || {
        let mut total = 0_usize;
        while let Ok(length @ 1..) = reader.read(&mut [0; 65536]) {
            total += length;
        }
        total
    });
    let mut client = nonblocking(others);
    for _ in 0..20 {
        assert_served(&reactor, &mut client);
    }
    endless.transport().abort_connection();
    turn_until(&reactor, "it is lost", || endless.is_lost());
    assert!(reading.join().unwrap() > 0);
    endless.forget();
}

#[test]
fn a_timer_that_asks_for_itself_at_once_stops_neither_connections_nor_other_timers() {
    fn again(reactor: &Reactor, count: &Rc<Cell<u64>>) {
        count.set(count.get() + 1);
        let (itself, counted) = (reactor.clone(), count.clone());
        reactor.call_later(Duration::ZERO, move || again(&itself, &counted));
    }
    let reactor = Reactor::new().unwrap();
    let count = Rc::new(Cell::new(0));
    again(&reactor, &count);
    let (_port, address) = listen(&reactor, protocol::factory_fn(|_: &_| Echo));
    let mut client = nonblocking(address);
    assert_served(&reactor, &mut client);
    let fired = Rc::new(Cell::new(false));
    let flag = fired.clone();
    reactor.call_later(Duration::from_millis(2), move || flag.set(true));
    turn_until(&reactor, "the other timer fired", || fired.get());
    let before = count.get();
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(count.get(), before + 1, "once in a turn");
}

#[test]
fn a_call_from_a_thread_that_asks_for_itself_stops_neither_connections_nor_timers() {
    fn again(reactor: &Reactor) {
        reactor.remote().call_from_thread(again);
    }
    let reactor = Reactor::new().unwrap();
    again(&reactor);
    let (_port, address) = listen(&reactor, echo());
    let mut client = nonblocking(address);
    assert_served(&reactor, &mut client);
    let fired = Rc::new(Cell::new(false));
    let flag = fired.clone();
    reactor.call_later(Duration::from_millis(2), move || flag.set(true));
    turn_until(&reactor, "the timer fired", || fired.get());
}

#[test]
fn limits_of_nothing_count_as_one() {
    let limits = Limits::default()
        .with_accepts_per_turn(0)
        .with_reads_per_turn(0)
        .with_refills_per_turn(0)
        .with_read_buffer_bytes(0);
    let reactor = Reactor::with_limits(limits).unwrap();
    let (_port, address) = listen(&reactor, echo());
    let mut client = nonblocking(address);
    assert_served(&reactor, &mut client);
}

/// Writes a line and ends the connection.
struct Brief;

impl Protocol for Brief {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"line");
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

#[test]
fn a_cap_refuses_no_client_behind_connections_that_are_done() {
    let reactor = Reactor::new().unwrap();
    let refused = Rc::new(Cell::new(0));
    let refuse = refused.clone();
    let factory = LimitTotalConnectionsFactory::new(factory_fn(|_| Brief), 1)
        .on_refused(move |_| refuse.set(refuse.get() + 1))
        .into_rc();
    let (_port, address) = listen(&reactor, factory);
    let mut clients: Vec<_> = (0..20).map(|_| nonblocking(address)).collect();
    for client in &clients {
        // It has nothing to say, so that its socket is not waited for.
        client.shutdown(Shutdown::Write).unwrap();
    }
    for client in &mut clients {
        let mut line = [0; 4];
        turn_until(&reactor, "the client is served", || client.read_exact(&mut line).is_ok());
        assert_eq!(&line, b"line");
    }
    assert_eq!(refused.get(), 0);
}
