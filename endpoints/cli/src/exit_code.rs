//! The command's exit codes, from sysexits.h.
//!
//! Invariant: the command returns one of these three.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The work is done, or a signal stopped it.
    Done,
    /// An endpoint or an option is wrong (`EX_USAGE`).
    Usage,
    /// Listening or connecting failed, or the connection broke (`EX_UNAVAILABLE`).
    Unavailable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
        })
    }
}
