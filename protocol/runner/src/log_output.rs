//! The place that a log goes to, and the thread that writes there.
//!
//! Invariant: the thread alone writes, so that the loop never waits for a reader or a disk.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::LineQueue;

/// The time between two tries, where an output is in non-blocking mode.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Where a log goes to.
#[derive(Debug)]
#[non_exhaustive]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, at whose end lines are added.
    File(File),
}

impl LogOutput {
    /// The output of this name: `-` is standard output, `+` standard error, and any other a file, which is
    /// opened now.
    ///
    /// # Errors
    ///
    /// Those of open(2).
    pub fn open(name: &str) -> io::Result<Self> {
        match name {
            "-" => Ok(Self::Stdout),
            "+" => Ok(Self::Stderr),
            name => {
                let file = OpenOptions::new().append(true).create(true).open(Path::new(name))?;
                Ok(Self::File(file))
            }
        }
    }

    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
            Self::File(file) => file.is_terminal(),
        }
    }

    /// What a thread can write to.
    pub(crate) fn into_writer(self) -> Box<dyn Write + Send> {
        match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::Stderr => Box::new(io::stderr()),
            Self::File(file) => Box::new(file),
        }
    }
}

/// Starts the thread that writes a queue's lines.
pub(crate) fn start(queue: &Arc<LineQueue>, mut output: Box<dyn Write + Send>) -> io::Result<()> {
    let queue = queue.clone();
    let thread = thread::Builder::new().name("log".into());
    thread.spawn(move || write_queued(&queue, &mut *output)).map(drop)
}

/// Writes a queue's lines for ever; what the thread of a log does.
pub fn write_queued(queue: &LineQueue, output: &mut dyn Write) {
    loop {
        let mut lines = queue.next();
        lines.push('\n');
        write_all(output, lines.as_bytes());
        queue.written();
    }
}

/// In one call where the output takes it, so that lines of several processes do not mix. An error of the
/// output has nowhere to go.
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
    // What standard output holds back goes out with the line.
    let _ = output.flush();
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
