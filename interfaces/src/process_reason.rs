//! How a child process ended; Twisted's `ProcessDone` and `ProcessTerminated`.
//!
//! Invariant: [`ProcessReason::Done`] is the exit status 0 and nothing else.

use core::error::Error;
use core::fmt;

use crate::OsError;

/// How a process ended (wait(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitStatus {
    /// It exited with this code, 0 to 255.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// The number of the signal.
        signal: i32,
        /// Whether it left a core dump.
        core_dumped: bool,
    },
}

/// Why a child process is over, given to [`process_exited`](crate::ProcessProtocol::process_exited) and
/// [`process_ended`](crate::ProcessProtocol::process_ended).
///
/// `Display` says this level only; `source()` has the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessReason {
    /// It exited with code 0. Twisted's `ProcessDone`.
    #[doc(alias = "ProcessDone")]
    Done,
    /// It exited with another code, or a signal ended it. Twisted's `ProcessTerminated`.
    #[doc(alias = "ProcessTerminated")]
    Terminated(ExitStatus),
    /// It ended, and how is not known: other code of this process waited for it (wait(2), `ECHILD`), or
    /// `SIGCHLD` is ignored.
    Unknown(OsError),
    /// The reactor stopped, and the child runs on. Given to `process_ended` alone.
    Stopped,
}

impl ProcessReason {
    /// The exit code, of a process that exited.
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Done => Some(0),
            Self::Terminated(ExitStatus::Exited(code)) => Some(*code),
            Self::Terminated(ExitStatus::Signaled { .. }) | Self::Unknown(_) | Self::Stopped => {
                None
            }
        }
    }

    /// The number of the signal that ended the process.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Terminated(ExitStatus::Signaled { signal, .. }) => Some(*signal),
            Self::Done
            | Self::Terminated(ExitStatus::Exited(_))
            | Self::Unknown(_)
            | Self::Stopped => None,
        }
    }

    /// Whether the process exited with code 0.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl From<ExitStatus> for ProcessReason {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Exited(0) => Self::Done,
            other => Self::Terminated(other),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signaled { signal, core_dumped: false } => {
                write!(f, "was ended by signal {signal}")
            }
            Self::Signaled { signal, core_dumped: true } => {
                write!(f, "was ended by signal {signal} (core dumped)")
            }
        }
    }
}

impl fmt::Display for ProcessReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("process exited cleanly"),
            Self::Terminated(status) => write!(f, "process {status}"),
            Self::Unknown(_) => f.write_str("process ended, and its exit status went elsewhere"),
            Self::Stopped => f.write_str("reactor stopped, and the process runs on"),
        }
    }
}

impl Error for ProcessReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unknown(error) => Some(error),
            Self::Done | Self::Terminated(_) | Self::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn only_the_exit_code_zero_is_done() {
        let reasons = [ExitStatus::Exited(0), ExitStatus::Exited(3)].map(ProcessReason::from);
        assert_eq!(reasons[0], ProcessReason::Done);
        assert_eq!(reasons.map(|reason| reason.exit_code()), [Some(0), Some(3)]);
        assert_eq!(reasons.map(|reason| reason.is_clean()), [true, false]);
        let killed = ProcessReason::from(ExitStatus::Signaled { signal: 9, core_dumped: false });
        assert_eq!((killed.exit_code(), killed.signal()), (None, Some(9)));
        assert_eq!(killed.to_string(), "process was ended by signal 9");
    }
}
