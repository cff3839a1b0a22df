//! The end of a program as a value; Twisted's `exit` function.
//!
//! Invariant: nothing is printed and no signal raised before it is reported.

use std::io::{self, Write};
use std::process::{ExitCode, Termination};

use interfaces::printable;

use crate::ExitStatus;

/// How a program ends: what `main` returns.
///
/// ```no_run
/// # use ropewalk_runner as runner;
/// use runner::{Exit, ExitStatus};
///
/// fn main() -> Exit {
///     Exit::new(ExitStatus::CONFIG).with_message("Already running.")
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "main returns it"]
pub struct Exit {
    status: ExitStatus,
    message: Option<String>,
    signal: Option<i32>,
}

impl Exit {
    /// Ends with this status.
    pub fn new(status: ExitStatus) -> Self {
        Self { status, message: None, signal: None }
    }

    /// Prints this before: to standard output, where the status is 0, and otherwise to standard error.
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Ends by this signal, as the program's caller expects of a program that a signal has stopped. The
    /// status counts where the signal does not end a process.
    pub fn with_signal(mut self, signal: i32) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Ends with the status alone: for a program whose stop by a signal is its success.
    pub fn without_signal(mut self) -> Self {
        self.signal = None;
        self
    }

    /// The status.
    pub fn status(&self) -> ExitStatus {
        self.status
    }

    /// The message.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The signal.
    pub fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Writes the message to the output where it belongs, line by line and safe for a terminal.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn write_message<'a>(
        &self,
        stdout: &'a mut dyn Write,
        stderr: &'a mut dyn Write,
    ) -> io::Result<()> {
        let Some(message) = &self.message else { return Ok(()) };
        let output = if self.status == ExitStatus::OK { stdout } else { stderr };
        for line in message.lines() {
            writeln!(output, "{}", printable(line))?;
        }
        output.flush()
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        // An output that is closed has no reader to tell.
        let _ = self.write_message(&mut io::stdout(), &mut io::stderr());
        if let Some(signal) = self.signal {
            // It returns where the default is to go on, and then the status counts.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        self.status.into()
    }
}
