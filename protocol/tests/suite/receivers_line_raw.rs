//! Lines and other bytes in turns.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::lines::{Lines, Received, Wire};
use ropewalk_protocol::receivers::{LineProtocol, LineReceiver, LineTransport};
use ropewalk_protocol::testing::ProducerState;

/// After a line `len N` come as many raw bytes; of a line that is too long, what is beyond the limit is
/// another line.
struct Lengths {
    seen: Rc<RefCell<Vec<String>>>,
    transport: Rc<RefCell<Option<Rc<LineTransport>>>>,
    body: Vec<u8>,
    length: usize,
    pauses: bool,
}

impl Lengths {
    fn new(pauses: bool) -> Self {
        Self { seen: Rc::default(), transport: Rc::default(), body: Vec::new(), length: 0, pauses }
    }

    fn see(&self, what: &str, bytes: &[u8]) {
        self.seen.borrow_mut().push(format!("{what} {}", bytes.escape_ascii()));
    }
}

impl LineReceiver for Lengths {
    fn delimiter(&self) -> Cow<'static, [u8]> {
        b"\n"[..].into()
    }

    fn max_length(&self) -> usize {
        20
    }

    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        drop(self.transport.replace(Some(transport.clone())));
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        self.see("line", line);
        if let Some(length) = line.strip_prefix(b"len ") {
            self.length =
                str::from_utf8(length).ok().and_then(|it| it.parse().ok()).expect("a number");
            transport.set_raw_mode();
        }
        if self.pauses {
            transport.pause_producing();
        }
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        let used = (self.length - self.body.len()).min(data.len());
        self.body.extend_from_slice(&data[..used]);
        if self.body.len() == self.length {
            self.see("body", &self.body);
            self.body.clear();
            transport.set_line_mode(data.len() - used);
        }
    }

    fn line_length_exceeded(&mut self, transport: &Rc<LineTransport>, bytes: &[u8]) {
        self.see("too long", &bytes[..21]);
        transport.set_line_mode(bytes.len() - 21);
    }
}

const SCRIPT: &[u8] = b"len 10\n0123456789len 5\n1234\nlen 20\nfoo 123\n0123456789\n\
    mlen 1\na\n\n123456789012345678901234567890\nsomething else\n";

const SEEN: [&str; 12] = [
    "line len 10",
    "body 0123456789",
    "line len 5",
    "body 1234\\n",
    "line len 20",
    "body foo 123\\n0123456789\\nm",
    "line len 1",
    "body a",
    "line ",
    "line ",
    "too long 123456789012345678901",
    "line 234567890",
];

#[test]
fn lines_and_raw_bytes_in_turns_are_the_same_in_pieces_of_each_length() {
    for length in (1..=9).chain([1000]) {
        let lengths = Lengths::new(false);
        let seen = lengths.seen.clone();
        Wire::to(&LineProtocol::new(lengths)).arrive_in(length, SCRIPT);
        let seen = seen.take();
        assert_eq!(seen[..12], SEEN, "in pieces of {length}");
        assert_eq!(seen[12..], ["line something else"]);
    }
}

#[test]
fn a_pause_behind_each_line_holds_the_lines_and_the_raw_bytes_behind_it() {
    for length in (1..=9).chain([1000]) {
        let lengths = Lengths::new(true);
        let (seen, transport) = (lengths.seen.clone(), lengths.transport.clone());
        let wire = Wire::to(&LineProtocol::new(lengths));
        let transport = transport.take().expect("it is connected");
        let mut all = Vec::new();
        let mut step = || {
            let events = seen.take();
            // Raw bytes and what is too long pause nothing, so a line is the last event of a step.
            let lines = events.iter().filter(|event| event.starts_with("line")).count();
            assert!(lines <= 1 && (lines == 0 || events.last().unwrap().starts_with("line")));
            all.extend(events);
            lines == 1
        };
        for piece in SCRIPT.chunks(length) {
            wire.arrive(piece);
            while step() {
                assert_eq!(wire.transport.producer_state(), ProducerState::Paused);
                transport.resume_producing();
            }
            assert_eq!(wire.transport.producer_state(), ProducerState::Producing);
        }
        assert_eq!(all[..12], SEEN, "in pieces of {length}");
        assert_eq!(all.len(), 13);
    }
}

#[test]
fn all_bytes_behind_a_line_are_handed_over_and_later_ones_begin_afresh() {
    let received = Received::default();
    let lines = Lines::new(&received)
        .on_line(|transport, line| {
            if line == b"foo" {
                transport.set_raw_mode();
            }
        })
        .on_raw(|transport, _| transport.set_line_mode(0));
    let wire = Wire::to(&LineProtocol::new(lines));
    wire.arrive(b"foo\r\nbar\r\nbaz");
    assert_eq!(received.take(), ["line foo", "raw bar\\r\\nbaz"]);
    wire.arrive(b"quux\r\n");
    assert_eq!(received.take(), ["line quux"]);
}

#[test]
fn raw_mode_from_elsewhere_hands_over_a_line_that_has_begun() {
    let received = Received::default();
    let protocol = LineProtocol::new(Lines::new(&received));
    let wire = Wire::to(&protocol);
    wire.arrive(b"beg");
    protocol.enter(|protocol| protocol.transport().expect("it is connected").set_raw_mode());
    wire.arrive(b"un");
    wire.arrive(b"\r\n");
    assert_eq!(received.take(), ["raw begun", "raw \\r\\n"]);
}

#[test]
fn in_raw_mode_each_piece_is_delivered_as_it_came() {
    let received = Received::default();
    let lines = Lines::new(&received).on_line(|transport, _| transport.set_raw_mode());
    let wire = Wire::to(&LineProtocol::new(lines));
    wire.arrive(b"\r\na\r\nb");
    wire.arrive(b"c");
    wire.arrive(b"d\r\n");
    assert_eq!(received.take(), ["line ", "raw a\\r\\nb", "raw c", "raw d\\r\\n"]);
}

/// Twisted delivers raw bytes after a close, too.
#[test]
fn in_raw_mode_a_close_ends_the_delivery_as_for_lines() {
    let received = Received::default();
    let lines = Lines::new(&received)
        .on_line(|transport, _| transport.set_raw_mode())
        .on_raw(|transport, _| transport.lose_connection());
    let wire = Wire::to(&LineProtocol::new(lines));
    wire.arrive(b"\r\na");
    wire.arrive(b"b");
    assert_eq!(received.take(), ["line ", "raw a"]);
}

/// In Twisted a callback can also put bytes back while a line is delivered, where they come behind all that
/// has arrived; here there is no way to.
#[test]
fn bytes_are_put_back_from_raw_mode_alone() {
    let received = Received::default();
    let lines = Lines::new(&received).on_line(|transport, _| transport.set_line_mode(3));
    let wire = Wire::to(&LineProtocol::new(lines));
    wire.arrive(b"abc\r\ndef\r\n");
    assert_eq!(received.take(), ["line abc", "line def"]);

    // More than were delivered are not put back.
    let lines = Lines::new(&received)
        .on_line(|transport, line| {
            if line == b"raw" {
                transport.set_raw_mode()
            }
        })
        .on_raw(|transport, _| transport.set_line_mode(1_000));
    let wire = Wire::to(&LineProtocol::new(lines));
    wire.arrive(b"raw\r\na\r\n");
    assert_eq!(received.take(), ["line raw", "raw a\\r\\n", "line a"]);
}

#[test]
fn a_hundred_thousand_changes_of_mode_in_one_piece_need_no_stack_and_linear_time() {
    const CHANGES: usize = 100_000;
    let received = Received::default();
    let (lines, raws) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0_usize)));
    let (line_count, raw_count) = (lines.clone(), raws.clone());
    let mut receiver = Lines::new(&received).delimited(b"\n");
    receiver.on_line = Box::new(move |transport, line| {
        assert_eq!(line, b"x");
        line_count.set(line_count.get() + 1);
        transport.set_raw_mode();
    });
    receiver.on_raw = Box::new(move |transport, data| {
        assert_eq!(data[0], b'x');
        raw_count.set(raw_count.get() + 1);
        transport.set_line_mode(data.len() - 1);
    });
    // The record would copy the rest each time.
    let wire = Wire::to(&LineProtocol::new(Counting(receiver)));
    wire.arrive(&b"x\nx".repeat(CHANGES));
    assert_eq!((lines.get(), raws.get()), (CHANGES, CHANGES));
}

/// The reactions of a receiver, without its record.
struct Counting(Lines);

impl LineReceiver for Counting {
    fn delimiter(&self) -> Cow<'static, [u8]> {
        self.0.delimiter.into()
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        (self.0.on_line)(transport, line);
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        (self.0.on_raw)(transport, data);
    }
}
