//! Random bytes, and both ways through a connection at once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::thread;

pub(crate) const MIB: usize = 1024 * 1024;

/// `length` bytes that neither compress nor repeat; the same for the same seed.
pub(crate) fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// What goes there in the large tests: 64 MiB.
pub(crate) static THERE: LazyLock<Vec<u8>> = LazyLock::new(|| random(1001, 64 * MIB));
/// What comes back.
pub(crate) static BACK: LazyLock<Vec<u8>> = LazyLock::new(|| random(1002, 64 * MIB));

/// Equal, without printing megabytes when not.
pub(crate) fn assert_same(got: &[u8], sent: &[u8]) {
    let same = got.iter().zip(sent).take_while(|(got, sent)| got == sent).count();
    assert!(got == sent, "{} bytes of {} came, equal up to {same}", got.len(), sent.len());
}

/// A connection with two directions.
pub(crate) trait Duplex: Read + Write + Send + Sized + 'static {
    fn another(&self) -> Self;
    fn end_writing(&self);
}

impl Duplex for TcpStream {
    fn another(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn end_writing(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Duplex for UnixStream {
    fn another(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn end_writing(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

/// Sends all and ends, while all that comes is read to its end.
pub(crate) fn exchange(
    mut stream: impl Duplex,
    data: impl AsRef<[u8]> + Send + 'static,
) -> Vec<u8> {
    let mut writer = stream.another();
    let sending = thread::spawn(move || {
        writer.write_all(data.as_ref()).unwrap();
        writer.end_writing();
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    sending.join().unwrap();
    received
}
