//! Lines: what ends one, how long it may be, and how it is sent.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::lines::{Lines, Received, Wire};
use crate::support::writes::Writes;
use interfaces::{Event, Transport};
use ropewalk_protocol::receivers::{
    Decoder, LineDecoder, LineProtocol, LineReceiver, LineTransport,
};
use ropewalk_protocol::testing::ProducerState;

fn lines(build: impl FnOnce(Lines) -> Lines) -> (Wire, Received) {
    let received = Received::default();
    let protocol = LineProtocol::new(build(Lines::new(&received)));
    (Wire::to(&protocol), received)
}

#[test]
fn a_line_ends_with_cr_lf_and_a_line_feed_alone_is_data() {
    let (wire, received) = lines(|lines| lines);
    wire.arrive(b"a\nb\r\nc\rd\r\n");
    assert_eq!(received.take(), ["line a\\nb", "line c\\rd"]);
    let (wire, received) = lines(|lines| lines.delimited(b"\n"));
    wire.arrive(b"a\r\nb\n");
    assert_eq!(received.take(), ["line a\\r", "line b"]);
}

#[test]
fn delimiters_in_a_row_are_empty_lines() {
    for length in [1, 2, 3, 100] {
        let (wire, received) = lines(|lines| lines);
        wire.arrive_in(length, b"\r\n\r\na\r\n\r\n");
        assert_eq!(received.take(), ["line ", "line ", "line a", "line "]);
    }
}

#[test]
fn the_default_limit_is_16384_bytes() {
    let line = vec![b'x'; 16_384];
    for length in [1, 1000, 20_000] {
        let (wire, received) = lines(|lines| lines);
        wire.arrive_in(length, &[&line[..], b"\r\n"].concat());
        assert_eq!(received.take().len(), 1);
        assert!(!wire.transport.disconnecting());
        wire.arrive_in(length, &[&line[..], b"x\r\n"].concat());
        assert!(wire.transport.disconnecting(), "in pieces of {length}");
        assert!(received.take()[0].starts_with("exceeded x"));
    }
}

#[test]
fn a_line_of_the_longest_length_is_received_and_one_byte_more_closes_the_connection() {
    let (wire, received) = lines(|lines| lines.limited(4));
    wire.arrive(b"xxxx\r\n");
    assert_eq!(received.take(), ["line xxxx"]);
    assert!(!wire.transport.disconnecting());
    wire.arrive(b"xxxxx\r\n");
    assert_eq!(received.take(), ["exceeded xxxxx\\r\\n"]);
    assert!(wire.transport.disconnecting() && !wire.transport.aborting(), "in order");
}

#[test]
fn a_line_without_an_end_is_too_long_when_it_has_the_length_of_the_longest_and_a_delimiter() {
    let (wire, received) = lines(|lines| lines.limited(4));
    wire.arrive(b"xxxx\r");
    assert_eq!(received.take(), [""; 0]);
    assert!(!wire.transport.disconnecting(), "a part of the delimiter may follow");
    wire.arrive(b"y");
    assert_eq!(received.take(), ["exceeded xxxx\\ry"]);
    assert!(wire.transport.disconnecting());
}

#[test]
fn a_delimiter_in_two_pieces_near_the_limit_ends_one_line() {
    let (wire, received) = lines(|lines| lines.limited(4));
    wire.arrive(b"xxxx\r");
    wire.arrive(b"\n");
    assert_eq!(received.take(), ["line xxxx"]);
    assert!(!wire.transport.disconnecting());
}

#[test]
fn a_line_that_is_too_long_is_told_with_all_bytes_that_have_arrived_and_the_next_line_is_received()
{
    let record = |lines: Lines| lines.limited(5).on_exceeded(|_, _| {});
    let (wire, received) = lines(record);
    // Without an end, behind a short line, with an end, with lines behind it.
    wire.arrive(b"xxxxxxxxx");
    assert_eq!(received.take(), ["exceeded xxxxxxxxx"]);
    wire.arrive(b"ok\r\nyyyyyyyy");
    assert_eq!(received.take(), ["line ok", "exceeded yyyyyyyy"]);
    wire.arrive(b"zzzzzzz\r\nok\r\nrest");
    assert_eq!(received.take(), ["exceeded zzzzzzz\\r\\nok\\r\\nrest"]);
    wire.arrive(b"more\r\n");
    assert_eq!(received.take(), ["line more"], "nothing of it was kept");
    assert!(!wire.transport.disconnecting());
}

#[test]
fn what_a_line_that_is_too_long_puts_back_is_received_as_lines() {
    let (wire, received) = lines(|lines| {
        let skip = |transport: &Rc<LineTransport>, bytes: &[u8]| {
            let line =
                bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            transport.set_line_mode(bytes.len() - line);
        };
        lines.limited(3).on_exceeded(skip)
    });
    wire.arrive(b"toolong\r\nok\r\nab");
    wire.arrive(b"c\r\n");
    assert_eq!(received.take(), ["exceeded toolong\\r\\nok\\r\\nab", "line ok", "line abc"]);
}

#[test]
fn putting_back_all_of_a_line_that_is_too_long_comes_to_an_end() {
    let (wire, received) = lines(|lines| {
        let again = |transport: &Rc<LineTransport>, bytes: &[u8]| {
            transport.set_line_mode(bytes.len());
        };
        lines.limited(3).on_exceeded(again)
    });
    wire.arrive(b"1234567\r\n");
    let expected = ["exceeded 1234567\\r\\n", "exceeded 234567\\r\\n"];
    assert_eq!(received.take()[..2], expected);
    assert_eq!(received.take(), [""; 0]);
}

/// Twisted delivers lines that arrive later, and one line of those that had arrived for each piece.
#[test]
fn after_a_close_nothing_is_delivered_neither_what_had_arrived_nor_what_arrives() {
    let (wire, received) = lines(|lines| {
        lines.on_line(|transport, line| {
            if line == b"quit" {
                transport.lose_connection();
            }
        })
    });
    wire.arrive(b"a\r\nquit\r\nb\r\nc\r\n");
    assert_eq!(received.take(), ["line a", "line quit"]);
    wire.arrive(b"d\r\n");
    wire.arrive(b"e\r\n");
    assert_eq!(received.take(), [""; 0]);

    let (wire, received) = lines(|lines| lines.limited(4));
    wire.arrive(b"xxxxxxx\r\n");
    wire.arrive(b"more\r\n");
    assert_eq!(received.take(), ["exceeded xxxxxxx\\r\\n"]);
}

#[test]
fn an_abort_and_a_reset_stop_the_lines_too() {
    let closes: [fn(&LineTransport); 3] = [
        LineTransport::abort_connection,
        LineTransport::lose_connection_with_reset,
        LineTransport::stop_producing,
    ];
    for close in closes {
        let (wire, received) = lines(|lines| lines.on_line(move |transport, _| close(transport)));
        wire.arrive(b"a\r\nb\r\n");
        assert_eq!(received.take(), ["line a"]);
        assert!(wire.transport.disconnecting());
    }
}

#[test]
fn a_line_is_sent_with_its_delimiter_in_one_write() {
    let long = vec![b'x'; 5000];
    for line in [&b""[..], b"hello", &long] {
        let sent = line.to_vec();
        let lines = Lines::new(&Received::default());
        let protocol =
            LineProtocol::new(lines.on_line(move |transport, _| transport.send_line(&sent)));
        let writes = Writes::new();
        protocol.as_deliver().deliver(Event::ConnectionMade(&writes.as_transport()));
        protocol.as_deliver().deliver(Event::DataReceived(&mut b"\r\n".to_owned()));
        assert_eq!(writes.take(), [[line, b"\r\n"].concat()]);
    }
}

/// Twisted checks neither, too.
#[test]
fn a_line_is_sent_as_it_is_whatever_its_length_and_its_bytes() {
    let (wire, _) = lines(|lines| {
        lines.limited(3).on_line(|transport, _| transport.send_line(b"two\r\nlines"))
    });
    wire.arrive(b"\r\n");
    assert_eq!(wire.transport.value(), b"two\r\nlines\r\n");
}

#[test]
fn a_transport_is_kept_and_used_from_elsewhere() {
    let kept = Rc::<RefCell<Vec<Rc<LineTransport>>>>::default();
    let room = kept.clone();
    let (wire, received) =
        lines(|lines| lines.on_line(move |transport, _| room.borrow_mut().push(transport.clone())));
    wire.arrive(b"a\r\n");
    let transport = kept.borrow()[0].clone();
    transport.send_line(b"from elsewhere");
    transport.write(b"raw");
    assert_eq!(wire.transport.value(), b"from elsewhere\r\nraw");
    assert_eq!(transport.peer(), wire.transport.peer());
    transport.lose_connection();
    wire.arrive(b"b\r\n");
    assert_eq!(received.take(), ["line a"]);
    assert_eq!(wire.transport.producer_state(), ProducerState::Producing);
}

#[test]
fn a_delimiter_of_any_bytes_is_found_wherever_it_is_cut() {
    for delimiter in [&b"--"[..], b"aab", b"abcab", b"\0"] {
        let stream = [b"aa", delimiter, delimiter, b"xa\0-aabca", delimiter, b"aabca"].concat();
        let mut whole = None;
        for length in 1..=stream.len() {
            let mut decoder = LineDecoder::new().with_delimiter(delimiter.to_vec());
            let mut found = Vec::new();
            for piece in stream.chunks(length) {
                let mut input = piece;
                while let Some(line) = decoder.next_frame(&mut input) {
                    found.push(line.expect("it is short").to_vec());
                }
                assert!(input.is_empty());
            }
            found.push(decoder.take_rest());
            let rest = found.last().expect("the rest");
            let joined: Vec<u8> = found[..found.len() - 1]
                .iter()
                .flat_map(|line| [&line[..], delimiter].concat())
                .collect();
            assert_eq!([&joined[..], &rest[..]].concat(), stream, "no byte is lost");
            assert_eq!(whole.get_or_insert_with(|| found.clone()), &found, "in pieces of {length}");
        }
    }
}

#[test]
fn without_a_delimiter_every_line_becomes_too_long_and_nothing_else_happens() {
    let mut decoder = LineDecoder::new().with_delimiter(b"".to_vec()).with_max_length(0);
    assert!(decoder.next_frame(&mut &b""[..]).is_none());
    let error = decoder.next_frame(&mut &b"\0\0"[..]).expect("an error").expect_err("it is");
    assert_eq!((error.bytes, error.max_length), (&b"\0\0"[..], 0));
    assert_eq!(error.to_string(), "cannot receive a line of more than 0 bytes");
}

/// A receiver with nothing but the two methods that it must have.
struct Plain(Received);

impl LineReceiver for Plain {
    fn line_received(&mut self, _: &Rc<LineTransport>, line: &[u8]) {
        self.0.note("line", line);
    }

    fn raw_data_received(&mut self, _: &Rc<LineTransport>, _: &[u8]) {}
}

#[test]
fn by_default_a_line_that_is_too_long_closes_the_connection_in_order() {
    let received = Received::default();
    let wire = Wire::to(&LineProtocol::new(Plain(received.clone())));
    wire.arrive(&[b'x'; 16_386]);
    assert!(wire.transport.disconnecting() && !wire.transport.aborting());
    assert_eq!(received.take(), [""; 0]);
}
