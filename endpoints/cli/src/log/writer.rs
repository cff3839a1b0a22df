//! The thread that writes the queued lines to standard error.
//!
//! Invariant: it is started by the first line. Where the system gives no thread, a line is written if
//! that does not block, and is lost otherwise.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use reactor::StandardError;
use runner::{LineQueue, write_queued};

/// The lines of the process: it has one standard error.
static QUEUE: LineQueue = LineQueue::new();

static HAS_THREAD: Mutex<bool> = Mutex::new(false);

/// More than it takes to write a line; the default would be 2 MiB of address space.
const STACK_BYTES: usize = 64 * 1024;

/// Queues lines that are safe for a terminal. Waits for standard error only as long as the queue
/// allows; called from any thread.
pub(super) fn write(lines: String) {
    QUEUE.push(lines);
    if has_thread() {
        QUEUE.wait_if_prompt();
    } else {
        while let Some(lines) = QUEUE.try_next() {
            StandardError::write_lines(&lines);
        }
    }
}

/// Waits until all lines are written, for this time at most.
pub(crate) fn flush(limit: Duration) {
    QUEUE.wait_until_written(limit);
}

/// How many lines had no room so far, as standard error was not read.
pub(crate) fn left_out() -> u64 {
    QUEUE.left_out()
}

/// Starts the thread, unless it runs. Tried for each line, as a limit may hold for a while only.
fn has_thread() -> bool {
    let mut has_thread = HAS_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    if !*has_thread {
        let thread = thread::Builder::new().name("log".into()).stack_size(STACK_BYTES);
        *has_thread = thread.spawn(|| write_queued(&QUEUE, &mut io::stderr())).is_ok();
    }
    *has_thread
}
