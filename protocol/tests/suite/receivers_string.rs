//! Strings behind their lengths: netstrings, and integers of 1, 2 and 4 bytes.

use std::rc::Rc;

use crate::support::lines::{Received, Strings, Wire};
use crate::support::writes::Writes;
use interfaces::Event;
use ropewalk_protocol::receivers::{
    Decoder, Int8Decoder, Int8StringProtocol, Int16Decoder, Int16StringProtocol, Int32Decoder,
    Int32StringProtocol, IntDecoder, NetstringDecoder, NetstringProtocol, ReceiverProtocol,
    StringDecoder, StringError, StringTooLong,
};

fn strings<D: StringDecoder>(build: impl FnOnce(Strings<D>) -> Strings<D>) -> (Wire, Received) {
    let received = Received::default();
    let protocol = ReceiverProtocol::<_, D>::new(build(Strings::new(&received)));
    (Wire::to(&protocol), received)
}

/// What these bytes lead to in one piece; it has to be the same byte by byte. The last is whether the
/// connection is closed.
fn outcome<D: StringDecoder>(max_length: usize, bytes: &[u8]) -> (Vec<String>, bool) {
    let mut outcomes = Vec::new();
    for length in [bytes.len().max(1), 1] {
        let (wire, received) = strings::<D>(|strings| strings.limited(max_length));
        wire.arrive_in(length, bytes);
        outcomes.push((received.take(), wire.transport.disconnecting()));
    }
    assert_eq!(outcomes[0], outcomes[1], "in pieces");
    outcomes.remove(0)
}

fn netstrings(bytes: &[u8]) -> (Vec<String>, bool) {
    outcome::<NetstringDecoder>(99_999, bytes)
}

fn received(strings: &[&str]) -> (Vec<String>, bool) {
    (strings.iter().map(|string| format!("string {string}")).collect(), false)
}

#[track_caller]
fn assert_refused(outcome: (Vec<String>, bool), reason: &str) {
    let refused = format!("refused cannot receive a {}", reason.escape_default());
    assert_eq!(outcome, (vec![refused], true));
}

#[test]
fn netstrings_are_received_also_empty_ones_and_with_their_own_marks_inside() {
    assert_eq!(netstrings(b"0:,"), received(&[""]));
    assert_eq!(netstrings(b"1:a,2:ab,"), received(&["a", "ab"]));
    assert_eq!(netstrings(b"4:1:a,,"), received(&["1:a,"]));
    assert_eq!(netstrings(b"1:\0,"), received(&["\\x00"]));
}

#[test]
fn a_netstring_may_be_cut_anywhere() {
    for pieces in [&[&b"4:aa"[..], b"aa,"][..], &[b"1", b"0:01234", b"56789", b","]] {
        let (wire, received) = strings::<NetstringDecoder>(|strings| strings);
        pieces.iter().for_each(|piece| wire.arrive(piece));
        assert_eq!(received.take().len(), 1);
        assert!(!wire.transport.disconnecting());
    }
}

#[test]
fn a_netstring_that_has_begun_waits_for_its_rest() {
    let (wire, received) = strings::<NetstringDecoder>(|strings| strings);
    wire.arrive(b"1:a,1");
    assert_eq!(received.take(), ["string a"]);
    wire.arrive(b":b,");
    assert_eq!(received.take(), ["string b"]);
}

#[test]
fn a_netstring_without_its_comma_closes_the_connection() {
    for (wrong, byte) in [(&b"2:aaa,"[..], "a"), (b"0:a,", "a"), (b"1:a;", ";")] {
        let end = format!("netstring: expected a comma at its end, and got \"{byte}\"");
        assert_refused(netstrings(wrong), &end);
    }
}

#[test]
fn a_netstring_without_its_length_or_its_colon_closes_the_connection() {
    for (wrong, byte) in [(&b":aaa,"[..], ":"), (b"3aaa,", "a"), (b"aaa,", "a"), (b"aaa", "a")] {
        let begin = format!("netstring: expected its length and a colon, and got \"{byte}\"");
        assert_refused(netstrings(wrong), &begin);
    }
}

#[test]
fn leading_zeros_signs_spaces_and_other_digits_are_no_length() {
    let wrong = ["00:,", "01:a,", "+1:a,", "-1:a,", " 1:a,", "1 :a,", "\u{661}:a,"];
    for wrong in wrong {
        let (events, is_closed) = netstrings(wrong.as_bytes());
        assert!(events[0].starts_with("refused") && is_closed, "{wrong}");
    }
}

/// Twisted waits for another byte.
#[test]
fn a_line_feed_behind_the_digits_is_refused_at_once() {
    let (_, is_closed) = netstrings(b"1\n");
    assert!(is_closed);
}

#[test]
fn a_length_is_refused_at_the_digit_that_makes_it_too_large() {
    let too_long = "string of 100000 bytes: at most 99999 are allowed";
    assert_refused(netstrings(b"100000"), too_long);
    assert_refused(netstrings(b"100000:"), too_long);
    assert_eq!(netstrings(b"99999"), received(&[]));
    let ten = |bytes: &[u8]| outcome::<NetstringDecoder>(10, bytes);
    assert_eq!(ten(b"10:0123456789,"), received(&["0123456789"]));
    assert_refused(ten(b"11"), "string of 11 bytes: at most 10 are allowed");
    let many_digits = [b'9'; 5000];
    assert!(outcome::<NetstringDecoder>(usize::MAX, &many_digits).1, "and the number has an end");
}

#[test]
fn by_default_a_netstring_has_at_most_99999_bytes() {
    let string = vec![b'x'; 99_999];
    let mut bytes = Vec::new();
    NetstringDecoder::encode(&string, &mut bytes).unwrap();
    let (events, is_closed) = netstrings(&bytes);
    assert_eq!((events.len(), is_closed), (1, false));
    assert_eq!(events[0].len(), "string ".len() + 99_999);
}

/// In Twisted this limit is an error of the arithmetic.
#[test]
fn a_limit_of_zero_allows_empty_netstrings() {
    let outcome = |bytes: &[u8]| outcome::<NetstringDecoder>(0, bytes);
    assert_eq!(outcome(b"0:,0:,"), received(&["", ""]));
    assert!(outcome(b"1").1);
}

/// Twisted keeps what comes, without a bound.
#[test]
fn nothing_is_delivered_or_kept_behind_a_wrong_netstring() {
    for wrong in [&b"x"[..], b"1:ab"] {
        let (wire, received) = strings::<NetstringDecoder>(|strings| strings);
        wire.arrive(wrong);
        assert_eq!(received.take().len(), 1);
        wire.arrive(b",1:a,");
        assert_eq!(received.take(), [""; 0]);
        let mut decoder = NetstringDecoder::new();
        assert!(decoder.next_frame(&mut &wrong[..]).is_some_and(|it| it.is_err()));
        let mut input = &b"1:a,"[..];
        assert!(decoder.next_frame(&mut input).is_none() && input.is_empty());
        assert_eq!(decoder.take_rest(), b"");
    }
}

/// Twisted delivers what has arrived.
#[test]
fn after_a_close_no_string_is_delivered() {
    fn check<D: StringDecoder>(bytes: &[u8]) {
        let (wire, received) =
            strings::<D>(|strings| strings.on_string(|transport, _| transport.lose_connection()));
        wire.arrive(bytes);
        wire.arrive(bytes);
        assert_eq!(received.take(), ["string a"]);
    }
    check::<NetstringDecoder>(b"1:a,1:b,");
    check::<Int8Decoder>(b"\x01a\x01b");
    check::<Int16Decoder>(b"\0\x01a\0\x01b");
    check::<Int32Decoder>(b"\0\0\0\x01a\0\0\0\x01b");
}

/// What sending a string writes, which is one write.
fn sent<D: StringDecoder>(string: &[u8]) -> (Vec<Vec<u8>>, Result<(), StringTooLong>) {
    let (string, writes) = (string.to_vec(), Writes::new());
    let outcome = Rc::new(std::cell::Cell::new(Ok(())));
    let told = outcome.clone();
    let strings = Strings::<D>::new(&Received::default())
        .on_string(move |transport, _| told.set(transport.send_string(&string)));
    let protocol = ReceiverProtocol::<_, D>::new(strings).as_deliver();
    protocol.deliver(Event::ConnectionMade(&writes.as_transport()));
    let mut empty = Vec::new();
    D::encode(b"", &mut empty).expect("it is short");
    protocol.deliver(Event::DataReceived(&mut empty));
    (writes.take(), outcome.get())
}

#[test]
fn a_netstring_is_sent_in_one_write_whatever_the_limit_of_what_is_received() {
    assert_eq!(sent::<NetstringDecoder>(b"hello").0, [b"5:hello,"]);
    assert_eq!(sent::<NetstringDecoder>(b"").0, [b"0:,"]);
    let long = vec![b'x'; 100_001];
    assert_eq!(sent::<NetstringDecoder>(&long).0[0][..8], *b"100001:x");
}

#[test]
fn a_string_is_sent_behind_its_length_in_network_byte_order_in_one_write() {
    assert_eq!(sent::<Int8Decoder>(b"foo").0, [b"\x03foo"]);
    assert_eq!(sent::<Int16Decoder>(b"foo").0, [b"\0\x03foo"]);
    assert_eq!(sent::<Int32Decoder>(b"foo").0, [b"\0\0\0\x03foo"]);
    assert_eq!(sent::<Int16Decoder>(&[7; 258]).0[0][..3], [1, 2, 7]);
}

#[test]
fn a_string_that_its_length_cannot_count_is_not_sent() {
    let eight = sent::<Int8Decoder>(&[0; 256]);
    assert_eq!(eight, (vec![], Err(StringTooLong { length: 256, max_length: 255 })));
    let sixteen = sent::<Int16Decoder>(&[0; 65_536]);
    assert_eq!(sixteen, (vec![], Err(StringTooLong { length: 65_536, max_length: 65_535 })));
    let text = sixteen.1.unwrap_err().to_string();
    assert_eq!(text, "cannot send a string of 65536 bytes: its prefix counts up to 65535");
}

#[test]
fn the_limit_of_sending_is_that_of_the_prefix_and_not_that_of_receiving() {
    let mut out = Vec::new();
    let _limited = Int8Decoder::default().with_max_length(3);
    Int8Decoder::encode(&[7; 255], &mut out).unwrap();
    assert_eq!(out.len(), 256);
    assert_eq!(sent::<Int32Decoder>(&[0; 100_000]).0[0].len(), 100_004);
    assert!(IntDecoder::<8>::header(usize::MAX).is_ok());
}

fn for_each_width(check: impl Fn(usize, &dyn Fn(usize, &[u8]) -> (Vec<String>, bool))) {
    check(1, &outcome::<Int8Decoder>);
    check(2, &outcome::<Int16Decoder>);
    check(4, &outcome::<Int32Decoder>);
}

fn prefixed(width: usize, length: usize, string: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[size_of::<usize>() - width..], string].concat()
}

#[test]
fn strings_behind_integers_are_received_in_order_byte_by_byte_too() {
    for_each_width(|width, outcome| {
        let (short, long) = ("a", "bbbbbbbbbbbbbbbb");
        let bytes = [short, long, short].map(|it| prefixed(width, it.len(), it.as_bytes()));
        assert_eq!(outcome(99_999, &bytes.concat()), received(&[short, long, short]));
    });
}

#[test]
fn a_part_of_a_prefix_or_of_a_string_is_waited_for() {
    for_each_width(|width, outcome| {
        let begun = prefixed(width, 3, b"fo");
        for length in 0..begun.len() {
            assert_eq!(outcome(99_999, &begun[..length]), received(&[]));
        }
    });
}

#[test]
fn the_prefix_counts_the_bytes_of_the_string_alone() {
    for_each_width(|width, outcome| {
        assert_eq!(outcome(99_999, &prefixed(width, 4, b"ubar")), received(&["ubar"]));
    });
}

#[test]
fn a_length_above_the_limit_is_told_with_its_prefix_and_closes_the_connection() {
    for_each_width(|width, outcome| {
        let refused = "string of 11 bytes: at most 10 are allowed";
        assert_refused(outcome(10, &prefixed(width, 11, b"")), refused);
        assert_refused(outcome(10, &prefixed(width, 11, b"xxxxxxxxxxx")), refused);
        assert_eq!(outcome(10, &prefixed(width, 10, b"0123456789")), received(&["0123456789"]));
    });
    let (wire, _) = strings::<Int32Decoder>(|strings| {
        assert!(strings.errors.borrow().is_empty());
        strings.limited(10)
    });
    wire.arrive(&[0xff; 4]);
    assert!(wire.transport.disconnecting());
}

#[test]
fn what_is_wrong_is_told_by_its_type() {
    let mut decoder = Int32Decoder::new();
    let error = decoder.next_frame(&mut &[0xff; 4][..]).unwrap().unwrap_err();
    let length = u32::MAX.into();
    assert_eq!(error, StringError::LengthLimitExceeded { length, max_length: 99_999 });
    let mut input = &b"more"[..];
    assert!(decoder.next_frame(&mut input).is_none() && input.is_empty(), "the rest is dropped");
}

#[test]
fn bytes_that_are_no_strings_are_refused_at_the_first_length_above_the_limit() {
    let (events, is_closed) = outcome::<Int8Decoder>(50, b"\0\0aaaaaa");
    let refused = "refused cannot receive a string of 97 bytes: at most 50 are allowed";
    assert_eq!(
        (events, is_closed),
        (["string ", "string ", refused].map(String::from).into(), true)
    );
}

#[test]
fn by_default_a_string_has_at_most_99999_bytes_and_may_be_empty() {
    for_each_width(|width, outcome| {
        assert_eq!(outcome(99_999, &prefixed(width, 0, b"")), received(&[""]));
    });
    let string = vec![b'x'; 99_999];
    assert_eq!(outcome::<Int32Decoder>(99_999, &prefixed(4, 99_999, &string)).0.len(), 1);
    let wire = Wire::to(&Int32StringProtocol::new(Defaults));
    wire.arrive(&prefixed(4, 99_999, b""));
    assert!(!wire.transport.disconnecting());
    let wire = Wire::to(&Int32StringProtocol::new(Defaults));
    wire.arrive(&prefixed(4, 100_000, b""));
    assert!(wire.transport.disconnecting());
    let wire = Wire::to(&NetstringProtocol::new(Defaults));
    wire.arrive(b"100000");
    assert!(wire.transport.disconnecting());
}

/// A receiver with the one method that it must have.
struct Defaults;

impl<D: StringDecoder> ropewalk_protocol::receivers::StringReceiver<D> for Defaults {
    fn string_received(
        &mut self,
        _: &Rc<ropewalk_protocol::receivers::ReceiverTransport<D>>,
        _: &[u8],
    ) {
    }
}

#[test]
fn a_pause_stops_behind_the_present_string_and_the_others_come_when_it_ends() {
    let kept = Rc::new(std::cell::RefCell::new(None));
    let keep = kept.clone();
    let received = Received::default();
    let wire = Wire::to(&Int16StringProtocol::new(Strings::new(&received).on_string(
        move |transport, string| {
            if string == b"p" {
                transport.pause_producing();
                keep.replace(Some(transport.clone()));
            }
        },
    )));
    wire.arrive(b"\0\x01a\0\x01p\0\x01b");
    assert_eq!(received.take(), ["string a", "string p"]);
    wire.arrive(b"\0\x01c");
    assert_eq!(received.take(), [""; 0]);
    kept.take().expect("it was paused").resume_producing();
    assert_eq!(received.take(), ["string b", "string c"]);
}

#[test]
fn raw_mode_hands_all_bytes_behind_a_string_to_another_protocol_and_takes_back_what_it_leaves() {
    let received = Received::default();
    let mut switching = Strings::<Int8Decoder>::new(&received).on_string(|transport, string| {
        if string == b"switch" {
            transport.set_raw_mode();
        }
    });
    switching.on_raw = Box::new(|transport, data| {
        if let Some(at) = data.iter().position(|byte| *byte == b'!') {
            transport.set_string_mode(data.len() - at - 1);
        }
    });
    let wire = Wire::to(&Int8StringProtocol::new(switching));
    wire.arrive(b"\x06switchother ");
    wire.arrive(b"protocol!\x01a\x02b");
    wire.arrive(b"c");
    let expected =
        ["string switch", "raw other ", "raw protocol!\\x01a\\x02b", "string a", "string bc"];
    assert_eq!(received.take(), expected);
}

#[test]
fn the_rest_of_a_decoder_is_what_was_on_the_wire() {
    fn check<D: StringDecoder>(begun: &[u8]) {
        for length in 0..=begun.len() {
            let mut decoder = D::default();
            for byte in &begun[..length] {
                assert!(decoder.next_frame(&mut &[*byte][..]).is_none());
            }
            assert_eq!(decoder.take_rest(), begun[..length], "after {length} bytes");
            assert_eq!(decoder.take_rest(), b"");
        }
    }
    check::<NetstringDecoder>(b"10:abcdefghij");
    check::<Int8Decoder>(b"\x05abcd");
    check::<Int16Decoder>(b"\0\x05abcd");
    check::<Int32Decoder>(b"\0\0\x01\x05abcd");
}
