//! The trace: calls and their results, folded into one hash, and kept as text if asked.
//!
//! Invariant: the hash depends on every call, its time, its result and its bytes, in order, and on nothing
//! else.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use super::chance::{GOLDEN, mixed};
use super::nanos::Nanos;
use super::pipe::Segment;
pub(crate) use super::system_call::SystemCall;

#[derive(Debug, Default)]
pub(super) struct Trace {
    folded: Folded,
    entries: VecDeque<TraceEntry>,
    /// How many of them are calls, and how many calls there may be.
    calls: usize,
    calls_max: usize,
}

/// An entry that is kept: what happened to a socket, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceEntry {
    pub(crate) time: Duration,
    /// The socket's number; 0 is the machine's.
    pub(crate) socket: u64,
    pub(crate) event: TraceEvent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TraceEvent {
    /// A call of the program, its result, and a hash of each piece of the bytes that it moved.
    Call(SystemCall, i64, Vec<u64>),
    /// The socket sent this segment.
    Departure(Segment),
    /// This segment reached the socket.
    Arrival(Segment),
    /// The kinds of faults that happened, as bits.
    Faults(u64),
}

impl Trace {
    pub(super) fn hash(&self) -> u64 {
        self.folded.finished()
    }

    pub(super) fn keep_lines(&mut self, lines_max: usize) {
        self.calls_max = lines_max;
        self.drop_oldest();
    }

    /// The calls that were kept, as text.
    pub(super) fn lines(&self) -> Vec<String> {
        self.entries.iter().filter_map(TraceEntry::call_line).collect()
    }

    /// Whether entries are kept.
    pub(super) fn is_kept(&self) -> bool {
        self.calls_max > 0
    }

    pub(super) fn entries(&self) -> Vec<TraceEntry> {
        self.entries.iter().cloned().collect()
    }

    /// Adds one call: its name, the number of its socket, and its result as a number; errors are
    /// negative.
    #[inline]
    pub(super) fn note(&mut self, now: Nanos, call: SystemCall, socket: u64, answer: i64) {
        self.folded.add(now.0);
        self.folded.add(socket << 8 | call as u64);
        self.folded.add(answer as u64);
        if self.calls_max > 0 {
            self.keep(now, socket, TraceEvent::Call(call, answer, Vec::new()));
        }
    }

    /// Adds the bytes that the call moved.
    #[inline]
    pub(super) fn note_bytes(&mut self, bytes: &[u8]) {
        let hash = hashed(bytes);
        self.folded.add(hash);
        if let Some(TraceEntry { event: TraceEvent::Call(_, _, hashes), .. }) =
            self.entries.back_mut()
        {
            hashes.push(hash);
        }
    }

    /// Keeps the departure of a segment, likewise.
    #[inline]
    pub(super) fn note_departure(&mut self, now: Nanos, socket: u64, segment: Option<Segment>) {
        if self.calls_max > 0
            && let Some(segment) = segment
        {
            self.keep(now, socket, TraceEvent::Departure(segment));
        }
    }

    /// Keeps the arrival of a segment, which follows from the calls and is in no hash.
    #[inline]
    pub(super) fn note_arrival(&mut self, now: Nanos, socket: u64, segment: Segment) {
        if self.calls_max > 0 {
            self.keep(now, socket, TraceEvent::Arrival(segment));
        }
    }

    /// Keeps the faults of a socket, likewise.
    #[inline]
    pub(super) fn note_faults(&mut self, now: Nanos, socket: u64, met: u64) {
        if self.calls_max > 0 {
            self.keep(now, socket, TraceEvent::Faults(met));
        }
    }

    #[cold]
    fn keep(&mut self, now: Nanos, socket: u64, event: TraceEvent) {
        self.calls += usize::from(matches!(event, TraceEvent::Call(..)));
        self.entries.push_back(TraceEntry { time: now.into(), socket, event });
        self.drop_oldest();
    }

    /// Drops what came before the oldest call that is kept.
    fn drop_oldest(&mut self) {
        while self.calls > self.calls_max {
            let oldest = self.entries.pop_front();
            let is_call = oldest.is_some_and(|it| matches!(it.event, TraceEvent::Call(..)));
            self.calls -= usize::from(is_call);
        }
    }
}

impl TraceEntry {
    /// Whether it is a call that moves bytes, or tries to.
    pub(crate) fn is_transfer(&self) -> bool {
        use SystemCall::{Recv, Send, Sendmsg};
        matches!(self.event, TraceEvent::Call(Recv | Send | Sendmsg, ..))
    }

    /// The line of a call.
    fn call_line(&self) -> Option<String> {
        let TraceEvent::Call(call, answer, hashes) = &self.event else { return None };
        let mut line = format!("{:?} {} {:x} = {answer}", self.time, call.label(), self.socket);
        for hash in hashes {
            // Writing to a string cannot fail.
            let _ = write!(line, " bytes {hash:016x}");
        }
        Some(line)
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
