//! The lines that wait for standard error.
//!
//! Invariant: at most [`QUEUED_BYTES_MAX`] bytes wait; a line without room is counted, and the count
//! is a line of its own as soon as there is room.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most bytes that wait: some two thousand lines.
const QUEUED_BYTES_MAX: usize = 256 * 1024;

/// A bounded queue between the threads that report and the one that writes.
pub(super) struct LineQueue {
    waiting: Mutex<Waiting>,
    /// A line came, or the last one was written.
    changed: Condvar,
}

struct Waiting {
    lines: VecDeque<String>,
    bytes: usize,
    lost: u64,
    /// A line was taken and is not written yet.
    is_writing: bool,
}

impl LineQueue {
    pub(super) const fn new() -> Self {
        let lines = VecDeque::new();
        let waiting = Waiting { lines, bytes: 0, lost: 0, is_writing: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Queues a line, or counts it.
    pub(super) fn push(&self, line: String) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > QUEUED_BYTES_MAX {
            waiting.lost += 1;
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
    pub(super) fn next(&self) -> String {
        let waiting = self.lock();
        let waiting = self.changed.wait_while(waiting, |waiting| waiting.is_empty());
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        waiting.pop().unwrap_or_default()
    }

    /// The next line to write, if there is one.
    pub(super) fn try_next(&self) -> Option<String> {
        self.lock().pop()
    }

    /// The line from [`next`](Self::next) is written.
    pub(super) fn written(&self) {
        self.lock().is_writing = false;
        self.changed.notify_all();
    }

    /// Waits until every line is written, for this time at most.
    pub(super) fn wait_until_written(&self, limit: Duration) {
        let waiting = self.lock();
        let is_unwritten = |waiting: &mut Waiting| waiting.is_writing || !waiting.is_empty();
        drop(self.changed.wait_timeout_while(waiting, limit, is_unwritten));
    }

    /// A panic with the lock held leaves a queue that can be used: nothing in here calls out.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.lost == 0
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
    fn the_wait_ends_when_the_last_line_is_written_and_not_when_it_is_taken() {
        let queue = LineQueue::new();
        queue.push("last".into());
        assert_eq!(queue.next(), "last");
        queue.wait_until_written(Duration::ZERO);
        assert!(queue.lock().is_writing, "it waited, in vain");
        std::thread::scope(|scope| {
            scope.spawn(|| queue.wait_until_written(Duration::from_secs(600)));
            queue.written();
        });
    }
}
