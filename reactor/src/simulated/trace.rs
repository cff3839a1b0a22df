//! What was done and what came of it: folded into one number, and kept as text if asked.
//!
//! Invariant: the number depends on every call, its result and its bytes, in order, and on nothing
//! else.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use super::chance::mixed;

#[derive(Debug, Default)]
pub(super) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
    lines_max: usize,
}

impl Trace {
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn keep_lines(&mut self, lines_max: usize) {
        self.lines_max = lines_max;
        self.forget_oldest();
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }

    /// Takes down one call: its name, whom it was about, and what it answered as a number; errors
    /// are negative.
    pub(super) fn note(&mut self, now: Duration, call: &str, whom: u64, answer: i64) {
        self.fold(now.as_nanos() as u64);
        self.fold(hashed(call.as_bytes()));
        self.fold(whom);
        self.fold(answer as u64);
        if self.lines_max > 0 {
            self.lines.push_back(format!("{now:?} {call} {whom:x} = {answer}"));
            self.forget_oldest();
        }
    }

    /// Adds the bytes that the call moved.
    pub(super) fn note_bytes(&mut self, bytes: &[u8]) {
        let hash = hashed(bytes);
        self.fold(hash);
        if let Some(line) = self.lines.back_mut() {
            // Writing to a string cannot fail.
            let _ = write!(line, " bytes {hash:016x}");
        }
    }

    fn fold(&mut self, value: u64) {
        self.hash = mixed(self.hash.rotate_left(5) ^ mixed(value));
    }

    fn forget_oldest(&mut self) {
        while self.lines.len() > self.lines_max {
            self.lines.pop_front();
        }
    }
}

/// A result as one number, for [`Trace::note`].
pub(super) fn number<T>(result: &io::Result<T>, value: impl FnOnce(&T) -> i64) -> i64 {
    match result {
        Ok(done) => value(done),
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(i32::MAX)),
    }
}

/// FNV-1a, 64 bits.
fn hashed(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_tells_calls_subjects_answers_bytes_times_and_orders_apart() {
        let hash_of = |notes: &[(u64, &str, u64, i64, &[u8])]| {
            let mut trace = Trace::default();
            for &(millis, call, whom, answer, bytes) in notes {
                trace.note(Duration::from_millis(millis), call, whom, answer);
                trace.note_bytes(bytes);
            }
            trace.hash()
        };
        let one = (1, "read", 2, 3, &b"abc"[..]);
        let others = [
            hash_of(&[(2, "read", 2, 3, b"abc")]),
            hash_of(&[(1, "write", 2, 3, b"abc")]),
            hash_of(&[(1, "read", 3, 3, b"abc")]),
            hash_of(&[(1, "read", 2, -3, b"abc")]),
            hash_of(&[(1, "read", 2, 3, b"abd")]),
            hash_of(&[one, (1, "write", 2, 3, b"abc")]),
            hash_of(&[(1, "write", 2, 3, b"abc"), one]),
        ];
        assert_eq!(hash_of(&[one]), hash_of(&[one]));
        let mut all = others.to_vec();
        all.push(hash_of(&[one]));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), others.len() + 1);
    }

    #[test]
    fn only_the_newest_lines_are_kept() {
        let mut trace = Trace::default();
        trace.keep_lines(2);
        for whom in 0..5 {
            trace.note(Duration::ZERO, "read", whom, 0);
        }
        assert_eq!(trace.lines(), ["0ns read 3 = 0", "0ns read 4 = 0"]);
    }
}
