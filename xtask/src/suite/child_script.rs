//! [`ChildScript`]: what a child process of a case does.
//!
//! Invariant: the steps run in order, each to its end, and a script without an end exits with code 0.

use std::time::Duration;

/// The steps of a child process. Each world runs them in its own way: as a shell script, or simulated.
#[derive(Clone, Debug, Default)]
pub struct ChildScript {
    ignored: Vec<i32>,
    steps: Vec<ChildStep>,
}

/// One step of a child process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildStep {
    /// Writes all of the bytes to this descriptor, and waits for room. Without a reader it dies of
    /// `SIGPIPE`.
    Write(i32, Vec<u8>),
    /// Reads this number of bytes of standard input, or to its end.
    Read(usize),
    /// Copies standard input to standard output, to the end.
    Echo,
    /// Closes this descriptor.
    Close(i32),
    /// Does nothing for this time.
    Sleep(Duration),
    /// Exits with this code. The last step.
    Exit(u8),
    /// Is ended by this signal. The last step.
    Die(i32),
}

impl ChildScript {
    /// A child that exits at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[ChildStep] {
        &self.steps
    }

    /// The signals that it ignores.
    pub fn ignored(&self) -> &[i32] {
        &self.ignored
    }

    /// Ignores this signal from its first step on.
    #[must_use]
    pub fn ignoring(mut self, signal: i32) -> Self {
        self.ignored.push(signal);
        self
    }

    /// Then does this.
    #[must_use]
    pub fn then(mut self, step: ChildStep) -> Self {
        self.steps.push(step);
        self
    }

    /// Then writes to a descriptor.
    #[must_use]
    pub fn write(self, child_fd: i32, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(ChildStep::Write(child_fd, bytes.into()))
    }

    /// Then reads `length` bytes of standard input.
    #[must_use]
    pub fn read(self, length: usize) -> Self {
        self.then(ChildStep::Read(length))
    }

    /// Then reads standard input to its end.
    #[must_use]
    pub fn read_to_end(self) -> Self {
        self.then(ChildStep::Read(usize::MAX))
    }

    /// Then copies standard input to standard output.
    #[must_use]
    pub fn echo(self) -> Self {
        self.then(ChildStep::Echo)
    }

    /// Then closes a descriptor.
    #[must_use]
    pub fn close(self, child_fd: i32) -> Self {
        self.then(ChildStep::Close(child_fd))
    }

    /// Then does nothing for an hour, which is longer than any case waits.
    #[must_use]
    pub fn wait(self) -> Self {
        self.then(ChildStep::Sleep(Duration::from_secs(3600)))
    }

    /// Then does nothing for this time.
    #[must_use]
    pub fn sleep(self, time: Duration) -> Self {
        self.then(ChildStep::Sleep(time))
    }

    /// Then exits with this code.
    #[must_use]
    pub fn exit(self, code: u8) -> Self {
        self.then(ChildStep::Exit(code))
    }

    /// Then is ended by this signal.
    #[must_use]
    pub fn die(self, signal: i32) -> Self {
        self.then(ChildStep::Die(signal))
    }
}
