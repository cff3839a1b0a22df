//! Claims about the memory of decoders and of receivers.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::Event;
use ropewalk_protocol::receivers::{
    Decoder, ExactDecoder, Int8Decoder, Int32Decoder, LineDecoder, LineOnlyProtocol,
    LineOnlyReceiver, LineOnlyTransport, NetstringDecoder,
};
use ropewalk_protocol::testing::StringTransport;

use testkit::counted;

/// How many frames these bytes have, decoded again and again.
fn frames<D: Decoder>(decoder: &mut D, bytes: &[u8]) -> usize {
    let mut count = 0;
    for _ in 0..100 {
        let mut input = bytes;
        while let Some(frame) = decoder.next_frame(&mut input) {
            assert!(frame.is_ok_and(|frame| !frame.is_empty()));
            count += 1;
        }
    }
    count
}

#[test]
fn a_frame_that_lies_in_the_input_as_a_whole_is_a_part_of_it_and_allocates_nothing() {
    fn check<D: Decoder>(mut decoder: D, bytes: &[u8]) {
        let (count, calls, _) = counted(|| frames(&mut decoder, bytes));
        assert_eq!((count, calls), (200, 0));
        let mut input = bytes;
        let Some(Ok(frame)) = decoder.next_frame(&mut input) else { panic!("there is one") };
        assert!(bytes.as_ptr_range().contains(&frame.as_ptr()));
    }
    check(LineDecoder::new(), b"one\r\ntwo\r\n");
    check(NetstringDecoder::new(), b"3:one,3:two,");
    check(Int8Decoder::new(), b"\x03one\x03two");
    check(Int32Decoder::new(), b"\0\0\0\x03one\0\0\0\x03two");
    let mut exact = ExactDecoder::new();
    exact.set_length(3);
    check(exact, b"onetwo");
}

#[test]
fn a_frame_in_pieces_needs_one_buffer_and_a_large_one_is_freed_with_the_frame() {
    let mut decoder = LineDecoder::new();
    let line = [&[b'x'; 16_000][..], b"\r\n"].concat();
    let (length, _, bytes) = counted(|| {
        let (begin, mut end) = line.split_at(10_000);
        assert!(decoder.next_frame(&mut &begin[..]).is_none());
        let length = decoder.next_frame(&mut end).and_then(|line| Some(line.ok()?.len()));
        assert!(decoder.next_frame(&mut end).is_none());
        length
    });
    assert_eq!(length, Some(16_000));
    assert!(bytes <= 1024, "{bytes} bytes are kept");
}

#[test]
fn a_long_announced_length_reserves_nothing() {
    let mut decoder = Int32Decoder::new();
    let (_, _, bytes) = counted(|| {
        assert!(decoder.next_frame(&mut &b"\0\x01\x86\x9fonly these"[..]).is_none());
    });
    assert!(bytes <= 64, "{bytes} bytes for 10");
}

struct Counter(Rc<Cell<usize>>);

impl LineOnlyReceiver for Counter {
    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        self.0.set(self.0.get() + 1);
        transport.send_line(line);
    }
}

#[test]
fn a_receiver_allocates_its_transport_and_nothing_for_its_lines() {
    let count = Rc::new(Cell::new(0));
    let protocol = LineOnlyProtocol::new(Counter(count.clone()));
    let below = StringTransport::new();
    let transport = below.as_transport();
    let deliver = protocol.as_deliver();
    let ((), calls, _) = counted(|| deliver.deliver(Event::ConnectionMade(&transport)));
    assert_eq!(calls, 1);
    let mut bytes = b"one\r\ntwo\r\n".repeat(50);
    // The transport of the test keeps what is written.
    deliver.deliver(Event::DataReceived(&mut bytes));
    below.clear();
    let ((), calls, _) = counted(|| deliver.deliver(Event::DataReceived(&mut bytes)));
    assert_eq!((calls, count.get()), (0, 200));
}
