//! The lines that wait for the output of a log.
//!
//! A line is written before the thread that reports it goes on, as far as that takes no longer than
//! [`PROMPT`]: so a line about a connection is there before the peer sees the end of it. Once standard
//! error was slower, no line is waited for until it has been quick again.
//!
//! Invariant: at most [`QUEUED_BYTES_MAX`] bytes wait; a line without room is counted, and the count
//! is a line of its own as soon as there is room.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most bytes that wait: some two thousand lines.
const QUEUED_BYTES_MAX: usize = 256 * 1024;

/// The longest time that a write of one line takes a standard error that is read.
const PROMPT: Duration = Duration::from_millis(5);

/// A bounded queue between the threads that report and the one that writes.
pub struct LineQueue {
    waiting: Mutex<Waiting>,
    /// A line came, or the last one was written.
    changed: Condvar,
}

struct Waiting {
    lines: VecDeque<String>,
    bytes: usize,
    lost: u64,
    /// All that were lost so far, those that are told already included.
    left_out: u64,
    /// When the line was taken that is not written yet.
    writing_since: Option<Instant>,
    /// The last line took longer than [`PROMPT`].
    is_slow: bool,
}

impl LineQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        let lines = VecDeque::new();
        let (writing_since, is_slow) = (None, false);
        let waiting = Waiting { lines, bytes: 0, lost: 0, left_out: 0, writing_since, is_slow };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Queues a line, or counts it.
    pub fn push(&self, line: String) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > QUEUED_BYTES_MAX {
            waiting.lost += 1;
            waiting.left_out += 1;
            drop(waiting);
            self.changed.notify_all();
            return;
        }
        if let Some(lost) = waiting.take_lost() {
            waiting.push(lost);
        }
        waiting.push(line);
        drop(waiting);
        self.changed.notify_all();
    }

    /// The next line to write, when there is one. Until [`written`](Self::written) it counts as
    /// waiting.
    pub fn next(&self) -> String {
        let waiting = self.lock();
        let waiting = self.changed.wait_while(waiting, |waiting| waiting.is_empty());
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.writing_since = Some(Instant::now());
        waiting.pop().unwrap_or_default()
    }

    /// The next line to write, if there is one.
    pub fn try_next(&self) -> Option<String> {
        self.lock().pop()
    }

    /// The line from [`next`](Self::next) is written.
    pub fn written(&self) {
        let mut waiting = self.lock();
        let since = waiting.writing_since.take();
        waiting.is_slow = since.is_some_and(|since| since.elapsed() > PROMPT);
        drop(waiting);
        self.changed.notify_all();
    }

    /// How many lines had no room so far, for statistics.
    pub fn left_out(&self) -> u64 {
        self.lock().left_out
    }

    /// Waits for a moment until every line is written, where standard error was quick so far.
    pub fn wait_if_prompt(&self) {
        let waiting = self.lock();
        if waiting.is_slow {
            return;
        }
        let waited = self.changed.wait_timeout_while(waiting, PROMPT, Waiting::is_unwritten);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.is_slow = waiting.is_unwritten();
    }

    /// Waits until every line is written, for this time at most.
    pub fn wait_until_written(&self, limit: Duration) {
        let waiting = self.lock();
        drop(self.changed.wait_timeout_while(waiting, limit, Waiting::is_unwritten));
    }

    /// A panic with the lock held leaves a queue that can be used: nothing in here calls out.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for LineQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LineQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineQueue").field("bytes", &self.lock().bytes).finish_non_exhaustive()
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.lost == 0
    }

    /// By `&mut`, as the condition variable asks it.
    fn is_unwritten(&mut self) -> bool {
        self.writing_since.is_some() || !self.is_empty()
    }

    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    fn pop(&mut self) -> Option<String> {
        let line = self.lines.pop_front();
        self.bytes -= line.as_ref().map_or(0, String::len);
        line.or_else(|| self.take_lost())
    }

    fn take_lost(&mut self) -> Option<String> {
        match std::mem::take(&mut self.lost) {
            0 => None,
            lost => Some(format!(
                "warning: {lost} lines are left out here, as standard error was not read"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kilobyte with a number in front.
    fn line(number: usize) -> String {
        format!("{number:01024}")
    }

    const ROOM: usize = QUEUED_BYTES_MAX / 1024;

    #[test]
    fn lines_come_out_in_order() {
        let queue = LineQueue::new();
        (0..3).for_each(|number| queue.push(line(number)));
        (0..3).for_each(|number| assert_eq!(queue.next(), line(number)));
        assert_eq!(queue.try_next(), None);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_count_stands_where_the_lines_would() {
        let queue = LineQueue::new();
        (0..ROOM + 1000).for_each(|number| queue.push(line(number)));
        assert_eq!(queue.lock().bytes, QUEUED_BYTES_MAX);
        (0..2).for_each(|number| assert_eq!(queue.next(), line(number)));
        queue.push("after".into());
        (2..ROOM).for_each(|number| assert_eq!(queue.next(), line(number)));
        let lost = "warning: 1000 lines are left out here, as standard error was not read";
        assert_eq!(queue.next(), lost);
        assert_eq!(queue.next(), "after");
        assert_eq!(queue.try_next(), None);
        assert_eq!(queue.left_out(), 1000, "it stays");
    }

    #[test]
    fn the_count_is_told_without_another_line_too() {
        let queue = LineQueue::new();
        (0..ROOM + 7).for_each(|number| queue.push(line(number)));
        (0..ROOM).for_each(|number| assert_eq!(queue.next(), line(number)));
        assert!(queue.next().contains(" 7 lines are left out"));
        assert_eq!(queue.try_next(), None);
    }

    #[test]
    fn a_text_that_never_fits_is_told_without_another_line() {
        let queue = LineQueue::new();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| queue.next());
            queue.push("x".repeat(QUEUED_BYTES_MAX + 1));
            assert!(next.join().unwrap().contains(" 1 lines are left out"));
        });
    }

    #[test]
    fn a_slow_standard_error_is_waited_for_once_until_it_is_quick_again() {
        let queue = LineQueue::new();
        queue.push("first".into());
        queue.wait_if_prompt();
        assert!(queue.lock().is_slow);
        queue.push("second".into());
        queue.next();
        queue.lock().writing_since = Some(Instant::now() - PROMPT * 2);
        queue.written();
        assert!(queue.lock().is_slow, "the write took longer");
        // Each try may meet a machine that is busy for longer.
        let is_quick = (0..1000).any(|_| {
            queue.push("line".into());
            queue.next();
            queue.written();
            !queue.lock().is_slow
        });
        assert!(is_quick);
    }

    #[test]
    fn the_wait_ends_when_the_last_line_is_written_and_not_when_it_is_taken() {
        let queue = LineQueue::new();
        queue.push("last".into());
        assert_eq!(queue.next(), "last");
        queue.wait_until_written(Duration::ZERO);
        assert!(queue.lock().is_unwritten(), "it waited, in vain");
        std::thread::scope(|scope| {
            scope.spawn(|| queue.wait_until_written(Duration::from_secs(600)));
            queue.written();
        });
    }
}
