//! What the command answers to its caller, from sysexits.h.
//!
//! Invariant: there are these three, and no other way out returns another number.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked for, or was told to stop.
    Done,
    /// An endpoint or an option is wrong, so nothing was tried (`EX_USAGE`).
    Usage,
    /// It cannot listen or connect, or the connection broke (`EX_UNAVAILABLE`).
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
