//! The trace: calls and their results, folded into one hash, and kept as text if asked.
//!
//! Invariant: the hash depends on every call, its time, its result and its bytes, in order, and on nothing
//! else.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use super::chance::mixed;
use super::nanos::Nanos;

/// The entries of the trace: the calls of a program, and the reports of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SystemCall {
    Accept,
    Close,
    Connect,
    Deregister,
    Getsockopt,
    Listen,
    /// Asking whether a connection waits.
    Look,
    Peek,
    Ioctl,
    Poll,
    /// One report of a poll.
    Ready,
    Recv,
    Register,
    Send,
    Sendmsg,
    Setsockopt,
    AcceptAndClose,
    Shutdown,
    Sigaction,
    Bind,
    Recvmmsg,
    Sendmmsg,
    LookUp,
    Spawn,
    /// The end of a child.
    Exit,
    Wait,
    Kill,
    Read,
    Write,
}

impl SystemCall {
    fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Close => "close",
            Self::Connect => "connect",
            Self::Deregister => "deregister",
            Self::Getsockopt => "getsockopt",
            Self::Listen => "listen",
            Self::Look => "look",
            Self::Peek => "peek",
            Self::Ioctl => "ioctl",
            Self::Poll => "poll",
            Self::Ready => "ready",
            Self::Recv => "recv",
            Self::Register => "register",
            Self::Send => "send",
            Self::Sendmsg => "sendmsg",
            Self::Setsockopt => "setsockopt",
            Self::AcceptAndClose => "accept-and-close",
            Self::Shutdown => "shutdown",
            Self::Sigaction => "sigaction",
            Self::Bind => "bind",
            Self::Recvmmsg => "recvmmsg",
            Self::Sendmmsg => "sendmmsg",
            Self::LookUp => "look-up",
            Self::Spawn => "spawn",
            Self::Exit => "exit",
            Self::Wait => "wait",
            Self::Kill => "kill",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    folded: Folded,
    lines: VecDeque<String>,
    lines_max: usize,
}

impl Trace {
    pub(super) fn hash(&self) -> u64 {
        self.folded.finished()
    }

    pub(super) fn keep_lines(&mut self, lines_max: usize) {
        self.lines_max = lines_max;
        self.drop_oldest();
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }

    /// Adds one call: its name, the number of its socket, and its result as a number; errors are
    /// negative.
    #[inline]
    pub(super) fn note(&mut self, now: Nanos, call: SystemCall, socket: u64, answer: i64) {
        self.folded.add(now.0);
        self.folded.add(socket << 8 | call as u64);
        self.folded.add(answer as u64);
        if self.lines_max > 0 {
            self.keep_line(format!(
                "{:?} {} {socket:x} = {answer}",
                Duration::from(now),
                call.name()
            ));
        }
    }

    /// Adds the bytes that the call moved.
    #[inline]
    pub(super) fn note_bytes(&mut self, bytes: &[u8]) {
        let hash = hashed(bytes);
        self.folded.add(hash);
        if self.lines_max > 0 {
            self.lengthen_line(hash);
        }
    }

    #[cold]
    fn keep_line(&mut self, line: String) {
        self.lines.push_back(line);
        self.drop_oldest();
    }

    #[cold]
    fn lengthen_line(&mut self, hash: u64) {
        if let Some(line) = self.lines.back_mut() {
            // Writing to a string cannot fail.
            let _ = write!(line, " bytes {hash:016x}");
        }
    }

    fn drop_oldest(&mut self) {
        while self.lines.len() > self.lines_max {
            self.lines.pop_front();
        }
    }
}

/// A result as one number, for [`Trace::note`].
#[inline]
pub(super) fn number<T>(result: &io::Result<T>, value: impl FnOnce(&T) -> i64) -> i64 {
    match result {
        Ok(done) => value(done),
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(i32::MAX)),
    }
}

/// A hash of numbers. Each is added by an invertible step, so that two sequences which differ in one
/// number only never have the same hash.
#[derive(Clone, Copy, Debug, Default)]
struct Folded(u64);

impl Folded {
    #[inline]
    fn add(&mut self, value: u64) {
        let stirred = (self.0.rotate_left(23) ^ value).wrapping_mul(GOLDEN);
        // Otherwise a zero would leave a state of zero unchanged.
        self.0 = stirred.wrapping_add(GOLDEN);
    }

    fn finished(self) -> u64 {
        mixed(self.0)
    }
}

/// The odd number that splitmix64 counts in: 2⁶⁴ by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of the bytes and their count: eight bytes at a time, the last ones padded with zeros.
fn hashed(bytes: &[u8]) -> u64 {
    let mut folded = Folded::default();
    folded.add(bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = <[u8; 8]>::try_from(word).expect("a chunk of eight");
        folded.add(u64::from_le_bytes(word));
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        folded.add(rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }
    folded.finished()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_tells_calls_subjects_answers_bytes_times_and_orders_apart() {
        let hash_of = |notes: &[(u64, SystemCall, u64, i64, &[u8])]| {
            let mut trace = Trace::default();
            for &(time, call, socket, answer, bytes) in notes {
                trace.note(Nanos(time), call, socket, answer);
                trace.note_bytes(bytes);
            }
            trace.hash()
        };
        let one = (1, SystemCall::Recv, 2, 3, &b"abc"[..]);
        let others = [
            hash_of(&[(2, SystemCall::Recv, 2, 3, b"abc")]),
            hash_of(&[(1, SystemCall::Send, 2, 3, b"abc")]),
            hash_of(&[(1, SystemCall::Recv, 3, 3, b"abc")]),
            hash_of(&[(1, SystemCall::Recv, 2, -3, b"abc")]),
            hash_of(&[(1, SystemCall::Recv, 2, 3, b"abd")]),
            hash_of(&[one, (1, SystemCall::Send, 2, 3, b"abc")]),
            hash_of(&[(1, SystemCall::Send, 2, 3, b"abc"), one]),
        ];
        assert_eq!(hash_of(&[one]), hash_of(&[one]));
        let mut all = others.to_vec();
        all.push(hash_of(&[one]));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), others.len() + 1);
    }

    #[test]
    fn every_byte_and_the_count_of_them_matter() {
        let mut all = vec![hashed(&[])];
        for length in 1..=20 {
            let zeros = vec![0; length];
            all.push(hashed(&zeros));
            for place in 0..length {
                let mut bytes = zeros.clone();
                bytes[place] = 1;
                all.push(hashed(&bytes));
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn only_the_newest_lines_are_kept() {
        let mut trace = Trace::default();
        trace.keep_lines(2);
        for socket in 0..5 {
            trace.note(Nanos::ZERO, SystemCall::Recv, socket, 0);
        }
        assert_eq!(trace.lines(), ["0ns recv 3 = 0", "0ns recv 4 = 0"]);
    }
}
