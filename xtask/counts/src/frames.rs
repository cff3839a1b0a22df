//! Frames out of bytes, without a connection and with one, beside the search that they cannot do without.
//!
//! Invariant: each operation looks at as many bytes as the one that it is compared with.

use std::hint::black_box;
use std::rc::Rc;

use interfaces::Event;
use memchr::memchr;
use protocol::receivers::{
    Decoder, Int32Decoder, LineDecoder, LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport,
    NetstringDecoder, StringDecoder,
};
use protocol::testing::StringTransport;

/// As much as a reactor reads at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// The bytes of one repeat that come one by one.
const SINGLE_BYTES: usize = 1024;

/// Lines of 64 bytes, delimiter included.
fn read() -> Vec<u8> {
    [&[b'x'; 62][..], b"\r\n"].concat().repeat(READ_BYTES / 64)
}

/// The line feeds in a read, each by a search behind the one before: no line is found with less.
pub(crate) fn line_feeds(repeats: u64) {
    let read = read();
    let mut lines = 0;
    for _ in 0..repeats {
        let mut rest = black_box(&read[..]);
        while let Some(end) = memchr(b'\n', rest) {
            black_box(&rest[..end]);
            rest = &rest[end + 1..];
            lines += 1;
        }
    }
    assert_eq!(lines, repeats * 1024);
}

/// The lines in a read.
pub(crate) fn lines(repeats: u64) {
    let read = read();
    let mut decoder = LineDecoder::new();
    let mut lines = 0;
    for _ in 0..repeats {
        let mut input = black_box(&read[..]);
        while let Some(line) = decoder.next_frame(&mut input) {
            black_box(line.expect("it is short"));
            lines += 1;
        }
    }
    assert_eq!(lines, repeats * 1024);
}

struct Counter(u64);

impl LineOnlyReceiver for Counter {
    fn line_received(&mut self, _: &Rc<LineOnlyTransport>, line: &[u8]) {
        black_box(line);
        self.0 += 1;
    }
}

/// The lines in a read, to a receiver on a connection.
pub(crate) fn lines_received(repeats: u64) {
    let mut read = read();
    let protocol = LineOnlyProtocol::new(Counter(0));
    let transport = StringTransport::new().as_transport();
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::ConnectionMade(&transport));
    for _ in 0..repeats {
        deliver.deliver(Event::DataReceived(black_box(&mut read)));
    }
    assert_eq!(protocol.try_with(|it| it.receiver().0), Some(repeats * 1024));
}

/// The strings of 60 bytes behind four in a read.
pub(crate) fn int32_strings(repeats: u64) {
    let mut frame = Vec::new();
    Int32Decoder::encode(&[b'x'; 60], &mut frame).expect("it is short");
    let read = frame.repeat(READ_BYTES / 64);
    let mut decoder = Int32Decoder::new();
    let mut strings = 0;
    for _ in 0..repeats {
        let mut input = black_box(&read[..]);
        while let Some(string) = decoder.next_frame(&mut input) {
            black_box(string.expect("it is short"));
            strings += 1;
        }
    }
    assert_eq!(strings, repeats * 1024);
}

/// Gives a decoder a byte at a time, 1 KiB for each repeat; counts the frames.
fn byte_by_byte<D: Decoder>(mut decoder: D, bytes: impl Iterator<Item = u8>) -> u64 {
    let mut frames = 0;
    for byte in bytes {
        let byte = [byte];
        let mut input = &byte[..];
        if let Some(frame) = decoder.next_frame(&mut input) {
            assert!(frame.is_ok());
            frames += 1;
        }
    }
    frames
}

/// 1 KiB, byte by byte, of lines that are 16 KiB long.
pub(crate) fn bytes_of_short_lines(repeats: u64) {
    let count = repeats as usize * SINGLE_BYTES;
    let byte = |at: usize| if at % (16 * 1024) == 16 * 1024 - 1 { b'\n' } else { b'x' };
    let decoder = LineDecoder::new().with_delimiter(&b"\n"[..]);
    let frames = byte_by_byte(decoder, (0..count).map(byte));
    assert_eq!(frames, repeats * SINGLE_BYTES as u64 / (16 * 1024));
}

/// 1 KiB, byte by byte, of one line that is as long as all repeats: 1 MiB of a thousand.
pub(crate) fn bytes_of_a_long_line(repeats: u64) {
    let count = repeats as usize * SINGLE_BYTES;
    let decoder = LineDecoder::new().with_delimiter(&b"\n"[..]).with_max_length(usize::MAX);
    let byte = |at: usize| if at == count - 1 { b'\n' } else { b'x' };
    assert_eq!(byte_by_byte(decoder, (0..count).map(byte)), 1);
}

/// 1 KiB, byte by byte, of netstrings with 16 KiB each.
pub(crate) fn bytes_of_short_netstrings(repeats: u64) {
    let mut frame = Vec::new();
    NetstringDecoder::encode(&[b'x'; 16 * 1024 - 7], &mut frame).expect("it fits");
    let count = repeats as usize * SINGLE_BYTES;
    let bytes = (0..count).map(|at| frame[at % frame.len()]);
    let frames = byte_by_byte(NetstringDecoder::new(), bytes);
    assert_eq!(frames, (count / frame.len()) as u64);
}

/// 1 KiB, byte by byte, of one netstring that is as long as all repeats.
pub(crate) fn bytes_of_a_long_netstring(repeats: u64) {
    let mut frame = Vec::new();
    let string = vec![b'x'; repeats as usize * SINGLE_BYTES];
    NetstringDecoder::encode(&string, &mut frame).expect("it fits");
    let decoder = NetstringDecoder::new().with_max_length(usize::MAX);
    assert_eq!(byte_by_byte(decoder, frame.into_iter()), 1);
}
