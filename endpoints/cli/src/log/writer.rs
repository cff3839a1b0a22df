//! The thread that writes the queued lines to standard error.
//!
//! Invariant: it is started by the first line. Where the system gives no thread, a line is written if
//! that does not block, and is lost otherwise.

use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use reactor::StandardError;

use super::line_queue::LineQueue;

/// The lines of the process: it has one standard error.
static QUEUE: LineQueue = LineQueue::new();

static HAS_THREAD: Mutex<bool> = Mutex::new(false);

/// More than it takes to write a line; the default would be 2 MiB of address space.
const STACK_BYTES: usize = 64 * 1024;

/// The time between two tries, where standard error is in non-blocking mode.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Queues lines that are safe for a terminal. Waits for standard error only as long as the queue
/// allows; called from any thread.
pub(crate) fn write(lines: String) {
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

/// Starts the thread, unless it runs. Tried for each line, as a limit may hold for a while only.
fn has_thread() -> bool {
    let mut has_thread = HAS_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    if !*has_thread {
        let thread = thread::Builder::new().name("log".into()).stack_size(STACK_BYTES);
        *has_thread = thread.spawn(|| empty(&QUEUE, &mut io::stderr())).is_ok();
    }
    *has_thread
}

fn empty(queue: &LineQueue, output: &mut dyn Write) {
    loop {
        let mut lines = queue.next();
        lines.push('\n');
        write_all(output, lines.as_bytes());
        queue.written();
    }
}

/// In one call where the output takes it, so that lines of several processes do not mix. An error of
/// standard error has nowhere to go.
fn write_all(output: &mut dyn Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_AFTER),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes a call, after an error of each kind that passes.
    #[derive(Default)]
    struct Reluctant {
        calls: usize,
        written: Vec<u8>,
    }

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            match self.calls % 3 {
                1 => Err(ErrorKind::Interrupted.into()),
                2 => Err(ErrorKind::WouldBlock.into()),
                _ => {
                    let taken = bytes.len().min(3);
                    self.written.extend_from_slice(&bytes[..taken]);
                    Ok(taken)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_descriptor_in_non_blocking_mode_gets_every_byte() {
        let mut output = Reluctant::default();
        write_all(&mut output, b"a line\n");
        assert_eq!(output.written, b"a line\n");
    }

    #[test]
    fn an_output_that_is_gone_ends_the_line() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        write_all(&mut Gone, b"a line\n");
    }
}
