//! Claims about the small protocols.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{Deliver, Event, Producer, Protocol};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::testing::{ProducerState, StringTransport};
use ropewalk_protocol::wire::{Chargen, Daytime, Discard, Echo, Qotd, Time};

/// A protocol whose connection was just made, and its transport.
fn made<P: Protocol>(protocol: P) -> (Rc<dyn Deliver>, Rc<StringTransport>) {
    let transport = StringTransport::new();
    let running = ProtocolRef::new(protocol).as_deliver();
    running.deliver(Event::ConnectionMade(&transport.as_transport()));
    (running, transport)
}

#[test]
fn echo_sends_back_what_comes_in_however_it_is_cut() {
    let (echo, transport) = made(Echo);
    for byte in *b"one byte at a time" {
        echo.deliver(Event::DataReceived(&mut [byte]));
    }
    echo.deliver(Event::DataReceived(&mut b", or all at once".to_owned()));
    assert_eq!(transport.value(), b"one byte at a time, or all at once");
    assert!(!transport.disconnecting());
}

#[test]
fn echo_does_not_read_from_a_peer_that_does_not_read() {
    let (_echo, transport) = made(Echo);
    let Some(Producer::Push(producer)) = transport.producer() else {
        panic!("there is no push producer");
    };
    producer.pause_producing();
    assert_eq!(transport.producer_state(), ProducerState::Paused);
}

#[test]
fn echo_closes_at_the_end_of_the_input_after_what_is_left() {
    let (echo, transport) = made(Echo);
    assert!(echo.is_half_closeable());
    echo.deliver(Event::ReadConnectionLost);
    assert!(transport.producer().is_none(), "a producer would hold the close back");
    assert!(transport.disconnecting() && !transport.aborting());
}

/// wire-002
#[test]
fn discard_never_writes() {
    let (discard, transport) = made(Discard);
    discard.deliver(Event::DataReceived(&mut b"hello?".to_owned()));
    assert!(transport.value().is_empty());
    assert!(!transport.disconnecting() && !discard.is_half_closeable());
}

/// wire-003
#[test]
fn the_quote_is_sent_with_a_line_end_and_the_connection_closed() {
    let (qotd, transport) = made(Qotd::default());
    assert_eq!(transport.value(), b"An apple a day keeps the doctor away.\r\n");
    assert!(transport.disconnecting() && !transport.aborting());
    qotd.deliver(Event::DataReceived(&mut b"another?".to_owned()));
    let (_qotd, transport) = made(Qotd::new("Less is more."));
    assert_eq!(transport.value(), b"Less is more.\r\n");
}

/// wire-006
#[test]
fn daytime_sends_one_line_of_ascii_and_closes() {
    let (_daytime, transport) = made(Daytime::at(Duration::from_secs(383_247_463)));
    assert_eq!(transport.value(), b"Monday, February 22, 1982 17:37:43-UTC\r\n");
    assert!(transport.disconnecting() && !transport.aborting());
    let (_daytime, transport) = made(Daytime::now());
    let sent = String::from_utf8(transport.value()).unwrap();
    assert!(sent.is_ascii() && sent.ends_with("-UTC\r\n") && sent.lines().count() == 1, "{sent:?}");
}

#[test]
fn time_sends_the_rfcs_numbers_in_four_bytes_and_closes() {
    // RFC 868's own examples, of 1970, 1980 and 1983.
    for (since_1970, number) in
        [(0, 2_208_988_800_u32), (315_532_800, 2_524_521_600), (420_595_200, 2_629_584_000)]
    {
        let (_time, transport) = made(Time::at(Duration::from_secs(since_1970)));
        assert_eq!(transport.value(), number.to_be_bytes());
        assert!(transport.disconnecting() && !transport.aborting());
    }
    // It begins again with the second of 7 February 2036, 06:28:16.
    let (_time, transport) = made(Time::at(Duration::from_secs(2_085_978_496)));
    assert_eq!(transport.value(), [0; 4]);
    assert_eq!(made(Time::now()).1.value().len(), 4);
}

/// wire-007: the pattern is a cycle of the RFC's lines, of which Twisted's 71 bytes are a piece.
#[test]
fn chargen_is_a_pull_producer_from_the_start_and_writes_its_pattern_each_time_it_is_asked() {
    let (chargen, transport) = made(Chargen);
    let pattern = transport.value();
    let twisted = br##"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~ !"#$%&?"##;
    let piece = &twisted[..twisted.len() - 1];
    assert!(pattern.windows(piece.len()).any(|window| window == piece), "a line has it");
    assert!(pattern.ends_with(b"\r\n") && pattern.len() == 95 * 74);
    chargen.deliver(Event::DataReceived(&mut b"ignored".to_owned()));
    assert_eq!(transport.value(), pattern);
    let Some(Producer::Pull(producer)) = transport.producer() else {
        panic!("there is no pull producer");
    };
    producer.resume_producing();
    assert_eq!(transport.value(), [&pattern[..], &pattern].concat());
}
