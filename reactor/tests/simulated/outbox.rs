//! What a callback writes reaches its own peer whole and in order, whatever else happens before the
//! callback returns.

use std::cell::{Cell, OnceCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, BufferLimits, Chunk, ConnectTcp, ListenTcp, Producer, Protocol, PullProducer,
    ReactorTcp as _, Reason, Transport,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Links, Simulated};

/// The room of a socket: every write of these tests is whole.
const ROOM: usize = 1 << 20;

type Simulation = Reactor<Simulated>;

/// Answers whatever comes with what a function writes.
struct Answer<F>(F);

impl<F: FnMut(&Rc<dyn Transport>, &[u8]) + 'static> Protocol for Answer<F> {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        (self.0)(transport, data);
    }
}

fn simulation() -> Simulation {
    let reactor = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    reactor.system().set_links(Links { buffer: ROOM..=ROOM, ..Links::default() });
    reactor
}

fn serve(
    reactor: &Simulation,
    answer: impl FnMut(&Rc<dyn Transport>, &[u8]) + Clone + 'static,
) -> SocketAddr {
    let server = factory_fn(move |_: &Address| Answer(answer.clone()));
    let any_port = ListenTcp::new(([127, 0, 0, 1], 0));
    let port = reactor.listen_tcp(&any_port, server).unwrap();
    port.host().as_socket_addr().unwrap()
}

fn connect(reactor: &Simulation, to: SocketAddr) -> Record {
    let record = Record::default();
    let client = record.clone();
    let client = factory_fn(move |_: &Address| Recorder::new(&client));
    drop(reactor.connect_tcp(&ConnectTcp::new(to), client));
    turns(reactor);
    record
}

fn turns(reactor: &Simulation) {
    for _ in 0..100 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
}

/// What a client receives in answer, and in how many system calls it was sent.
fn answered(answer: impl FnMut(&Rc<dyn Transport>, &[u8]) + Clone + 'static) -> (Vec<u8>, usize) {
    let reactor = simulation();
    let record = connect(&reactor, serve(&reactor, answer));
    record.transport().write(b"go");
    reactor.system().keep_log(10_000);
    turns(&reactor);
    let writes = reactor.system().log().iter().filter(|line| line.contains(" send")).count();
    reactor.disconnect_all();
    // One of them is the client's own.
    (record.received(), writes - 1)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 256) as u8).collect()
}

#[test]
fn a_large_write_takes_the_small_ones_before_it_along() {
    let body = pattern(20_000);
    let expected = [b"head, ", &*body, b", tail"].concat();
    let (received, calls) = answered(move |transport, _| {
        transport.write(b"head");
        transport.write(b", ");
        transport.write(&body);
        transport.write(b", tail");
    });
    assert_eq!(received.len(), expected.len());
    assert!(received == expected);
    assert_eq!(calls, 2);
}

#[test]
fn small_writes_keep_their_order_when_they_are_too_many_for_the_outbox() {
    let all = pattern(200_000);
    for size in [1, 7, 1_000, 8_191] {
        let written = all.clone();
        let (received, _) = answered(move |transport, _| {
            written.chunks(size).for_each(|piece| transport.write(piece));
        });
        assert_eq!(received.len(), all.len());
        assert!(received == all, "pieces of {size}");
    }
}

#[test]
fn writes_and_chunks_and_large_writes_keep_their_order() {
    let large = pattern(30_000);
    let expected = [b"a", &*large, b"b", b"c", &*large, b"d"].concat();
    let (received, _) = answered(move |transport, _| {
        transport.write(b"a");
        transport.write_sequence(vec![Chunk::from(large.clone()), Chunk::from(b"b")]);
        transport.write(b"c");
        transport.write(&large);
        transport.write(b"d");
    });
    assert_eq!(received.len(), expected.len());
    assert!(received == expected);
}

#[test]
fn limits_of_a_connections_own_hold_for_what_was_written_before_them() {
    let (received, _) = answered(|transport, _| {
        transport.write(b"0123456789");
        transport.set_buffer_limits(BufferLimits::default().with_high_water(5).with_cap(15));
        transport.write(b"0123456789");
    });
    assert_eq!(received, b"", "20 bytes wait where 15 may, which aborts");
}

#[test]
fn a_turn_inside_the_callback_sends_what_was_written_before_it() {
    let reactor = simulation();
    let inner = reactor.clone();
    let address = serve(&reactor, move |transport, _| {
        transport.write(b"before, ");
        turns(&inner);
        transport.write(b"after");
    });
    let record = connect(&reactor, address);
    let (seen, looked) = (record.clone(), Rc::new(Cell::new(false)));
    record.transport().write(b"go");
    let look = Rc::clone(&looked);
    reactor.call_later(Duration::from_millis(20), move || {
        look.set(seen.received() == b"before, ");
    });
    turns(&reactor);
    assert!(looked.get());
    assert_eq!(record.received(), b"before, after");
    reactor.disconnect_all();
}

#[test]
fn what_a_timer_writes_in_a_turn_inside_the_callback_leaves_in_that_turn() {
    let reactor = simulation();
    let inner = reactor.clone();
    let sends = Rc::new(Cell::new(0));
    let counted = Rc::clone(&sends);
    let address = serve(&reactor, move |transport, _| {
        let late = Rc::clone(transport);
        inner.call_later(Duration::ZERO, move || late.write(b"timer"));
        inner.system().keep_log(10_000);
        inner.turn(Some(Duration::ZERO)).unwrap();
        let log = inner.system().log();
        counted.set(log.iter().filter(|line| line.contains(" send")).count());
        transport.write(b", callback");
    });
    let record = connect(&reactor, address);
    record.transport().write(b"go");
    turns(&reactor);
    assert_eq!(sends.get(), 1);
    assert_eq!(record.received(), b"timer, callback");
    reactor.disconnect_all();
}

#[test]
fn a_pull_producer_that_comes_after_a_write_is_asked_when_that_has_left() {
    struct Slow(Cell<u32>, Rc<dyn Transport>);
    impl PullProducer for Slow {
        fn resume_producing(&self) {
            self.0.set(self.0.get() + 1);
            match self.0.get() {
                // Nothing yet: the bytes written before are still to leave.
                1 => {}
                2 => self.1.write(b"produced"),
                _ => self.1.unregister_producer(),
            }
        }

        fn stop_producing(&self) {}
    }
    // The second is taken by the socket at once.
    for written in [pattern(9), pattern(20_000)] {
        let before = written.clone();
        let (received, _) = answered(move |transport, _| {
            transport.write(&before);
            let slow = Rc::new(Slow(Cell::new(0), Rc::clone(transport)));
            transport.register_producer(Producer::Pull(slow)).unwrap();
        });
        assert!(received == [&*written, b"produced"].concat(), "{} bytes", received.len());
    }
}

#[test]
fn what_a_producer_gave_before_it_panicked_is_sent_and_then_the_peer_sees_a_reset() {
    struct Bad(Cell<u32>, Rc<dyn Transport>);
    impl Bad {
        fn produce(&self) {
            self.0.set(self.0.get() + 1);
            match self.0.get() {
                1 => {}
                2 | 3 => self.1.write(b"given, "),
                4 => {
                    self.1.write(b"and half");
                    panic!("as the test wants it");
                }
                _ => panic!("asked again"),
            }
        }
    }
    impl PullProducer for Bad {
        fn resume_producing(&self) {
            self.produce();
        }

        fn stop_producing(&self) {}
    }
    for closing in [false, true] {
        let reactor = simulation();
        let server = Record::default();
        let told = server.clone();
        let factory = factory_fn(move |_: &Address| {
            Recorder::new(&told).on_data(move |transport, _| {
                let bad = Rc::new(Bad(Cell::new(0), Rc::clone(transport)));
                transport.register_producer(Producer::Pull(bad)).unwrap();
                if closing {
                    transport.lose_connection();
                }
            })
        });
        let port = reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), factory).unwrap();
        let client = connect(&reactor, port.host().as_socket_addr().unwrap());
        client.transport().write(b"go");
        turns(&reactor);
        assert_eq!(client.received(), b"given, given, and half");
        assert!(matches!(client.lost(), Some(Reason::Lost(_))));
        assert!(matches!(server.lost(), Some(Reason::Panicked(_))), "closing: {closing}");
        server.forget();
        client.forget();
    }
}

#[test]
fn what_two_callbacks_write_does_not_mix_though_one_runs_inside_the_other() {
    let reactor = simulation();
    let inner = reactor.clone();
    let nested = Rc::new(OnceCell::<Record>::new());
    let other = Rc::clone(&nested);
    let address = serve(&reactor, move |transport, data| {
        transport.write(&[data, b" begins, "].concat());
        if data == b"outer" {
            other.get().unwrap().transport().write(b"nested");
            turns(&inner);
            assert_eq!(other.get().unwrap().received(), b"nested begins, nested ends");
        }
        transport.write(&[data, b" ends"].concat());
    });
    let outer = connect(&reactor, address);
    nested.set(connect(&reactor, address)).ok().unwrap();
    outer.transport().write(b"outer");
    turns(&reactor);
    assert_eq!(outer.received(), b"outer begins, outer ends");
    reactor.disconnect_all();
}

#[test]
fn what_a_callback_wrote_that_panics_or_aborts_reaches_nobody() {
    for panics in [true, false] {
        let reactor = simulation();
        let address = serve(&reactor, move |transport, data| {
            transport.write(data);
            if data == b"bad" {
                transport.abort_connection();
                assert!(!panics, "as the test wants it");
            }
        });
        let (bad, good) = (connect(&reactor, address), connect(&reactor, address));
        bad.transport().write(b"bad");
        good.transport().write(b"good");
        turns(&reactor);
        good.transport().write(b", and more");
        turns(&reactor);
        assert_eq!(bad.received(), b"");
        assert_eq!(good.received(), b"good, and more");
        reactor.disconnect_all();
    }
}

/// A's callback runs a turn; in it a timer writes to A, then B is delivered to and answers.
#[test]
fn what_timers_write_in_turns_inside_a_callback_reaches_their_own_peer() {
    let reactor = simulation();
    let inner = reactor.clone();
    let nested = Rc::new(OnceCell::<Record>::new());
    let other = Rc::clone(&nested);
    let address = serve(&reactor, move |transport, data| {
        if data == b"outer" {
            other.get().unwrap().transport().write(b"nested");
            for at in 0..400 {
                let transport = Rc::clone(transport);
                drop(inner.call_later(Duration::from_micros(at * 50), move || {
                    transport.write(b"SECRET")
                }));
            }
            turns(&inner);
        } else {
            transport.write(b"answer");
        }
    });
    let outer = connect(&reactor, address);
    nested.set(connect(&reactor, address)).ok().unwrap();
    outer.transport().write(b"outer");
    (0..6).for_each(|_| turns(&reactor));
    let got = nested.get().unwrap().received();
    assert_eq!(String::from_utf8_lossy(&got), "answer", "the other connection got foreign bytes");
    assert_eq!(outer.received().len(), 400 * 6);
}

/// A's callback runs a turn; in it a timer writes to A and closes it: the flush must not spin.
#[test]
fn a_close_in_a_turn_inside_a_callback_does_not_spin() {
    let reactor = simulation();
    let inner = reactor.clone();
    let done = Rc::new(Cell::new(false));
    let flag = Rc::clone(&done);
    let address = serve(&reactor, move |transport, data| {
        if data == b"outer" {
            let transport = Rc::clone(transport);
            drop(inner.call_later(Duration::ZERO, move || {
                transport.write(b"bye");
                transport.lose_connection();
            }));
            turns(&inner);
            flag.set(true);
        }
    });
    let outer = connect(&reactor, address);
    outer.transport().write(b"outer");
    turns(&reactor);
    assert!(done.get());
    assert_eq!(outer.received(), b"bye");
}
