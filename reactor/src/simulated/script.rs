//! [`Script`]: what a simulated program does.
//!
//! Invariant: a script that comes to its end exits with code 0.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The steps of a simulated program, in order. Between two of them a time passes that is drawn.
///
/// # Examples
///
/// A program that answers one request of 4 bytes and exits with code 3:
///
/// ```
/// use ropewalk_reactor::simulated::Script;
///
/// let script = Script::new().read(4).write(1, b"answer").exit(3);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) pace: RangeInclusive<Duration>,
    pub(super) ignored: BTreeSet<i32>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Writes these bytes to a descriptor, in pieces that are drawn, and waits for room.
    Write(i32, Vec<u8>),
    /// Reads this number of bytes from a descriptor, or to its end.
    Read(i32, usize),
    /// Copies descriptor 0 to descriptor 1, to its end.
    Echo,
    Close(i32),
    Sleep(Duration),
    Exit(u8),
    /// A signal ends it.
    Die(i32),
}

/// The time between two steps, unless the script has another.
const PACE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(1);

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A program that exits at once.
    pub fn new() -> Self {
        Self { steps: Vec::new(), pace: PACE, ignored: BTreeSet::new() }
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Then writes to a descriptor. It dies of `SIGPIPE` where that has no reader.
    #[must_use]
    pub fn write(self, child_fd: i32, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Write(child_fd, bytes.into()))
    }

    /// Then reads `length` bytes of standard input, or to its end.
    #[must_use]
    pub fn read(self, length: usize) -> Self {
        self.then(Step::Read(0, length))
    }

    /// Then reads standard input to its end.
    #[must_use]
    pub fn read_to_end(self) -> Self {
        self.then(Step::Read(0, usize::MAX))
    }

    /// Then copies standard input to standard output, to the end.
    #[must_use]
    pub fn echo(self) -> Self {
        self.then(Step::Echo)
    }

    /// Then closes a descriptor.
    #[must_use]
    pub fn close(self, child_fd: i32) -> Self {
        self.then(Step::Close(child_fd))
    }

    /// Then does nothing for this time.
    #[must_use]
    pub fn sleep(self, time: Duration) -> Self {
        self.then(Step::Sleep(time))
    }

    /// Then exits with this code.
    #[must_use]
    pub fn exit(self, code: u8) -> Self {
        self.then(Step::Exit(code))
    }

    /// Then is ended by this signal.
    #[must_use]
    pub fn die(self, signal: i32) -> Self {
        self.then(Step::Die(signal))
    }

    /// Takes a time of this range between two steps. Default 0 to 1 ms.
    #[must_use]
    pub fn paced(mut self, pace: RangeInclusive<Duration>) -> Self {
        self.pace = pace;
        self
    }

    /// Ignores this signal, if it can be ignored.
    #[must_use]
    pub fn ignoring(mut self, signal: i32) -> Self {
        self.ignored.insert(signal);
        self
    }
}
