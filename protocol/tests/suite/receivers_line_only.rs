//! Lines and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::lines::{LinesOnly, Received, Wire};
use crate::support::writes::Writes;
use interfaces::Event;
use ropewalk_protocol::receivers::LineOnlyProtocol;

fn lines(build: impl FnOnce(LinesOnly) -> LinesOnly) -> (Wire, Received) {
    let received = Received::default();
    let protocol = LineOnlyProtocol::new(build(LinesOnly::new(&received)));
    (Wire::to(&protocol), received)
}

#[test]
fn lines_come_byte_by_byte_and_the_end_without_a_delimiter_is_kept() {
    let (wire, received) = lines(|lines| lines);
    wire.arrive_in(1, b"first\r\nsecond\r\nunfinished");
    assert_eq!(received.take(), ["line first", "line second"]);
    wire.arrive(b" line\r\n");
    assert_eq!(received.take(), ["line unfinished line"]);
}

#[test]
fn a_line_that_is_too_long_closes_the_connection() {
    let (wire, received) = lines(|lines| LinesOnly { max_length: 4, ..lines });
    wire.arrive(b"xxxx\r\nxxxxx\r\nno\r\n");
    assert_eq!(received.take()[0], "line xxxx");
    assert!(wire.transport.disconnecting());
    wire.arrive(b"no\r\n");
    assert_eq!(received.take(), [""; 0]);
}

/// Twisted refuses the first piece.
#[test]
fn a_part_of_the_delimiter_may_follow_the_longest_line() {
    let (wire, received) = lines(|lines| LinesOnly { max_length: 4, ..lines });
    wire.arrive(b"xxxx\r");
    assert!(!wire.transport.disconnecting());
    wire.arrive(b"\n");
    assert_eq!(received.take(), ["line xxxx"]);
}

/// Twisted tells of the line alone, drops the lines behind it, and keeps what has no delimiter.
#[test]
fn a_line_that_is_too_long_is_told_with_all_bytes_that_have_arrived_and_none_is_kept() {
    let (wire, received) = lines(|lines| LinesOnly { max_length: 4, closes: false, ..lines });
    wire.arrive(b"xxxxxxx\r\nok\r\nrest");
    assert_eq!(received.take(), ["exceeded xxxxxxx\\r\\nok\\r\\nrest"]);
    wire.arrive(b"more\r\n");
    assert_eq!(received.take(), ["line more"]);
}

#[test]
fn after_a_close_the_lines_that_have_arrived_and_later_ones_are_dropped() {
    let (wire, received) = lines(|mut lines| {
        lines.on_line = Box::new(|transport, line| {
            if line == b"quit" {
                transport.lose_connection();
            }
        });
        lines
    });
    wire.arrive(b"a\r\nquit\r\nb\r\npart");
    wire.arrive(b"c\r\n");
    wire.arrive(b"d\r\n");
    assert_eq!(received.take(), ["line a", "line quit"]);
}

/// Twisted writes a sequence of two, which its transports join.
#[test]
fn a_line_is_sent_with_its_delimiter() {
    let mut lines = LinesOnly::new(&Received::default());
    lines.on_line = Box::new(|transport, line| transport.send_line(line));
    let protocol = LineOnlyProtocol::new(lines).as_deliver();
    let writes = Writes::new();
    protocol.deliver(Event::ConnectionMade(&writes.as_transport()));
    protocol.deliver(Event::DataReceived(&mut b"hello\r\n".to_owned()));
    assert_eq!(writes.take().concat(), b"hello\r\n");
}

/// As for the receiver of lines and raw bytes; Twisted keeps what has no delimiter, and goes on.
#[test]
fn a_panic_drops_the_lines_behind_it_and_what_has_no_delimiter() {
    let (wire, received) = lines(|mut lines| {
        lines.on_line = Box::new(|_, line| assert_ne!(line, b"q", "a line says so"));
        lines
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| wire.arrive(b"a\r\nq\r\nb\r\npart")));
    assert!(panicked.is_err());
    wire.arrive(b"c\r\n");
    assert_eq!(received.take(), ["line a", "line q"]);
}
