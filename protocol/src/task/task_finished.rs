//! Errors of calls at the wrong time of a [`CooperativeTask`](super::CooperativeTask); Twisted's
//! tree of `SchedulerError`s.
//!
//! Invariant: a call that returns one of these has changed nothing.

use core::error::Error;
use core::fmt;

/// A task is finished, and how it came to that. Twisted's `TaskFinished` and its subclasses, and its
/// `SchedulerStopped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskFinished {
    /// It has taken all its steps.
    TaskDone,
    /// It was stopped.
    TaskStopped,
    /// One of its steps has failed, or panicked.
    TaskFailed,
    /// The cooperator was stopped, or had been stopped when the task came.
    SchedulerStopped,
}

impl fmt::Display for TaskFinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TaskFinished::TaskDone => "the task is finished: it has taken all its steps",
            TaskFinished::TaskStopped => "the task is finished: it was stopped",
            TaskFinished::TaskFailed => "the task is finished: a step of it has failed",
            TaskFinished::SchedulerStopped => "the task is finished: its cooperator was stopped",
        })
    }
}

impl Error for TaskFinished {}

/// A task was to be resumed, and was not paused. Twisted's `NotPaused`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaused;

impl fmt::Display for NotPaused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot resume the task: it is not paused")
    }
}

impl Error for NotPaused {}
