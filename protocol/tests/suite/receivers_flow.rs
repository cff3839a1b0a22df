//! Pauses, and calls that come while a receiver runs.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::lines::{Lines, Received, Strings, Wire};
use interfaces::{
    Deliver, Event, HalfCloseableProtocol, HandshakeListener, Producer, PushProducer, Transport,
};
use ropewalk_protocol::receivers::{
    Int8StringProtocol, LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport, LineProtocol,
    LineTransport, NetstringProtocol,
};
use ropewalk_protocol::testing::{ProducerState, StringTransport};

/// Lines that pause behind a line `p`, and the transport that they came with.
fn pausing(received: &Received) -> (Wire, Rc<LineTransport>) {
    let protocol = LineProtocol::new(Lines::new(received).on_line(|transport, line| {
        if line == b"p" {
            transport.pause_producing();
        }
    }));
    let wire = Wire::to(&protocol);
    let kept = Rc::new(Cell::new(None));
    let keep = kept.clone();
    protocol.enter(move |protocol| keep.set(protocol.transport().cloned()));
    (wire, kept.take().expect("it is connected"))
}

#[test]
fn a_pause_stops_behind_the_present_line_and_the_others_come_when_it_ends() {
    for length in 1..=9 {
        let received = Received::default();
        let (wire, transport) = pausing(&received);
        wire.arrive_in(length, b"a\r\np\r\nb\r\np\r\nc\r\n");
        assert_eq!(received.take(), ["line a", "line p"], "in pieces of {length}");
        transport.resume_producing();
        assert_eq!(received.take(), ["line b", "line p"]);
        transport.resume_producing();
        assert_eq!(received.take(), ["line c"]);
    }
}

#[test]
fn the_end_of_a_pause_delivers_at_once_and_the_transport_below_follows_each_step() {
    let received = Received::default();
    let (wire, transport) = pausing(&received);
    let state = || wire.transport.producer_state();
    transport.pause_producing();
    assert_eq!(state(), ProducerState::Paused);
    transport.resume_producing();
    assert_eq!((state(), received.take()), (ProducerState::Producing, vec![]));
    wire.arrive(b"hello\r\np\r\nworld\r\n");
    assert_eq!(received.take(), ["line hello", "line p"]);
    assert_eq!(state(), ProducerState::Paused);
    wire.arrive(b"p\r\nlast\r\n");
    assert_eq!(received.take(), [""; 0], "it is only kept");
    transport.resume_producing();
    assert_eq!(received.take(), ["line world", "line p"]);
    assert_eq!(state(), ProducerState::Paused);
    transport.resume_producing();
    assert_eq!(received.take(), ["line last"]);
    assert_eq!(state(), ProducerState::Producing);
    transport.resume_producing();
    assert_eq!(received.take(), [""; 0]);
}

#[test]
fn a_pause_and_its_end_in_one_call_lose_double_and_reorder_nothing() {
    let received = Received::default();
    let protocol = LineProtocol::new(Lines::new(&received).on_line(|transport, _| {
        transport.pause_producing();
        transport.resume_producing();
    }));
    let wire = Wire::to(&protocol);
    wire.arrive(b"a\r\np\r\nb\r\n");
    assert_eq!(received.take(), ["line a", "line p", "line b"]);
    assert_eq!(wire.transport.producer_state(), ProducerState::Producing);
}

/// Twisted has the string delivered again and again, without an end.
#[test]
fn strings_too_are_delivered_once_when_the_call_for_one_pauses_and_resumes() {
    let received = Received::default();
    let wire =
        Wire::to(&Int8StringProtocol::new(Strings::new(&received).on_string(|transport, _| {
            transport.pause_producing();
            transport.resume_producing();
        })));
    wire.arrive(b"\x01a\x01b\x01c");
    assert_eq!(received.take(), ["string a", "string b", "string c"]);
}

#[test]
fn a_pause_from_elsewhere_stops_between_two_lines_as_one_from_inside() {
    let received = Received::default();
    let other = Rc::new(RefCell::new(None::<Rc<dyn PushProducer>>));
    let paused = other.clone();
    let protocol = LineProtocol::new(Lines::new(&received).on_line(move |transport, line| {
        if line == b"join" {
            drop(paused.replace(Some(transport.clone())));
        }
        // Another protocol's transport is full, and pauses its producer.
        let producer = paused.borrow().clone();
        if let (Some(producer), b"more") = (producer, line) {
            producer.pause_producing();
        }
    }));
    let wire = Wire::to(&protocol);
    wire.arrive(b"join\r\nmore\r\nlater\r\n");
    assert_eq!(received.take(), ["line join", "line more"]);
    let producer = other.take().expect("it joined");
    producer.resume_producing();
    assert_eq!(received.take(), ["line later"]);
    producer.stop_producing();
    wire.arrive(b"x\r\n");
    assert_eq!(received.take(), [""; 0]);
}

/// The case of row line-005 of the catalogue: it registers itself with its own transport, which asks it to
/// pause and to go on.
#[test]
fn a_receiver_registers_itself_with_its_transport_from_inside_a_call_and_loses_no_line() {
    let received = Received::default();
    let protocol = LineProtocol::new(Lines::new(&received).on_line(|transport, line| match line {
        b"produce" => transport.register_producer(Producer::Push(transport.clone())).unwrap(),
        b"unproduce" => transport.unregister_producer(),
        _ => {}
    }));
    let wire = Wire::to(&protocol);
    wire.arrive(b"produce\r\nhello world\r\nunproduce\r\ngoodbye\r\n");
    let expected = ["line produce", "line hello world", "line unproduce", "line goodbye"];
    assert_eq!(received.take(), expected);
    assert!(wire.transport.producer().is_none());
}

#[test]
fn bytes_that_arrive_during_a_call_come_behind_those_that_had_arrived() {
    let received = Received::default();
    let protocol = Rc::new(RefCell::new(None::<Rc<dyn Deliver>>));
    let inner = protocol.clone();
    let lines = Lines::new(&received).on_line(move |_, line| {
        let protocol = inner.borrow().clone();
        if let (Some(protocol), b"a") = (protocol, line) {
            protocol.deliver(Event::DataReceived(&mut b"inj\r\n".to_owned()));
        }
    });
    let wire = Wire::to(&LineProtocol::new(lines));
    protocol.replace(Some(wire.protocol.clone()));
    wire.arrive(b"a\r\nb\r\n");
    assert_eq!(received.take(), ["line a", "line b", "line inj"]);

    let inner = protocol.clone();
    let strings = Strings::new(&received).on_string(move |_, string| {
        let protocol = inner.borrow().clone();
        if let (Some(protocol), b"a") = (protocol, string) {
            protocol.deliver(Event::DataReceived(&mut b"3:inj,".to_owned()));
        }
    });
    let wire = Wire::to(&NetstringProtocol::new(strings));
    protocol.replace(Some(wire.protocol.clone()));
    wire.arrive(b"1:a,1:b,");
    assert_eq!(received.take(), ["string a", "string b", "string inj"]);
    protocol.take();
}

#[test]
fn the_end_of_a_pause_while_the_protocol_runs_is_done_after_the_running_call() {
    let received = Received::default();
    let protocol = LineProtocol::new(Lines::new(&received).on_line(|transport, line| {
        if line == b"p" {
            transport.pause_producing();
        }
    }));
    let wire = Wire::to(&protocol);
    wire.arrive(b"p\r\nb\r\n");
    let log = received.clone();
    protocol.enter(move |protocol| {
        log.note("enters", b"");
        let transport = protocol.transport().expect("it is connected").clone();
        transport.resume_producing();
        log.note("leaves", b"");
    });
    assert_eq!(received.take(), ["line p", "enters ", "leaves ", "line b"]);
}

#[test]
fn a_close_during_a_pause_drops_what_waits() {
    let received = Received::default();
    let (wire, transport) = pausing(&received);
    wire.arrive(b"p\r\nb\r\n");
    transport.lose_connection();
    transport.resume_producing();
    transport.pause_producing();
    wire.arrive(b"c\r\n");
    assert_eq!(received.take(), ["line p"]);
    assert!(wire.transport.disconnecting());
}

/// What a callback returns in Twisted to have its call return, it does here with a pause.
#[test]
fn a_call_stops_the_delivery_with_a_pause_and_the_remainder_comes_with_its_end() {
    let received = Received::default();
    let (wire, transport) = pausing(&received);
    wire.arrive(b"a\r\np\r\nb\r\n");
    assert_eq!(received.take(), ["line a", "line p"]);
    wire.arrive(b"z\r\n");
    transport.resume_producing();
    assert_eq!(received.take(), ["line b", "line z"]);
}

/// What a callback for raw bytes returns in Twisted ends the connection there; here it ends it itself.
#[test]
fn an_error_in_raw_mode_ends_the_connection_by_an_abort() {
    let received = Received::default();
    let lines = Lines::new(&received)
        .on_line(|transport, _| transport.set_raw_mode())
        .on_raw(|transport, _| transport.abort_connection());
    let wire = Wire::to(&LineProtocol::new(lines));
    wire.arrive(b"\r\nfoo");
    wire.arrive(b"bar");
    assert_eq!(received.take(), ["line ", "raw foo"]);
    assert!(wire.transport.aborting());
}

/// In Twisted an error that is raised loses the line, and the next piece brings the others.
#[test]
fn a_panic_loses_the_place_in_the_stream_and_nothing_is_delivered_after_it() {
    let received = Received::default();
    let lines = Lines::new(&received).on_line(|_, line| assert_ne!(line, b"q", "a line says so"));
    let wire = Wire::to(&LineProtocol::new(lines));
    let panicked = catch_unwind(AssertUnwindSafe(|| wire.arrive(b"a\r\nq\r\nb\r\npart")));
    assert!(panicked.is_err());
    wire.arrive(b"c\r\n");
    assert_eq!(received.take(), ["line a", "line q"]);
    wire.protocol.deliver(Event::ConnectionLost(&interfaces::Reason::Aborted));
    assert_eq!(received.take(), ["lost connection aborted"]);
}

#[test]
fn one_line_at_a_time_out_of_a_large_piece_takes_linear_time() {
    const LINES: usize = 200_000;
    let count = Rc::new(Cell::new(0));
    let counter = count.clone();
    let mut lines = Lines::new(&Received::default());
    lines.on_line = Box::new(move |transport, _| {
        counter.set(counter.get() + 1);
        transport.pause_producing();
    });
    let protocol = LineProtocol::new(lines);
    let wire = Wire::to(&protocol);
    wire.arrive(&b"x\r\n".repeat(LINES));
    let kept = Rc::new(Cell::new(None));
    let keep = kept.clone();
    protocol.enter(move |protocol| keep.set(protocol.transport().cloned()));
    let transport: Rc<LineTransport> = kept.take().expect("it is connected");
    while count.get() < LINES {
        transport.resume_producing();
    }
    assert_eq!(wire.transport.producer_state(), ProducerState::Paused);
}

#[test]
fn a_receiver_is_dropped_with_its_connection_though_its_transport_is_kept() {
    let received = Received::default();
    let alive = Rc::new(());
    let held = alive.clone();
    let lines = Lines::new(&received).on_line(move |_, _| drop(held.clone()));
    let protocol = LineProtocol::new(lines);
    let transport = StringTransport::new();
    protocol.as_deliver().deliver(Event::ConnectionMade(&transport.as_transport()));
    let kept = Rc::new(Cell::new(None::<Rc<LineTransport>>));
    let keep = kept.clone();
    protocol.enter(move |protocol| keep.set(protocol.transport().cloned()));
    let handle = kept.take().expect("it is connected");
    drop(protocol);
    assert_eq!(Rc::strong_count(&alive), 1);
    handle.pause_producing();
    handle.resume_producing();
    handle.write(b"the connection still stands");
    assert_eq!(transport.value(), b"the connection still stands");
}

/// A receiver that outlives the peer's end of file, and counts handshakes.
struct Halves(Received);

impl LineOnlyReceiver for Halves {
    fn line_received(&mut self, _: &Rc<LineOnlyTransport>, line: &[u8]) {
        self.0.note("line", line);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Halves {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.0.note("end", b"");
    }
}

impl HandshakeListener for Halves {
    fn handshake_completed(&mut self, _: &Rc<dyn Transport>) {
        self.0.note("handshake", b"");
    }
}

#[test]
fn the_roles_of_a_receiver_are_those_of_its_protocol() {
    let received = Received::default();
    let wire = Wire::to(&LineOnlyProtocol::new(Halves(received.clone())));
    wire.protocol.deliver(Event::HandshakeCompleted);
    wire.arrive(b"a\r\n");
    assert!(wire.protocol.is_half_closeable());
    wire.protocol.deliver(Event::ReadConnectionLost);
    assert_eq!(received.take(), ["handshake ", "line a", "end "]);
    let plain = Wire::to(&LineProtocol::new(Lines::new(&received)));
    assert!(!plain.protocol.is_half_closeable());
    assert_eq!(plain.protocol.log_prefix(), "Lines");
}
