//! [`RunError`]: why a program that ran has no result; what Twisted fails with tuples and `IOError` for.
//!
//! Invariant: what the program wrote is in the error, as far as it was kept.

use alloc::vec::Vec;
use core::cell::Cell;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use deferred::Deferred;
use interfaces::{ProcessReason, printable};

/// How many bytes of the standard error a message shows.
const SHOWN_BYTES: usize = 200;

/// Why a program that was started has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// It wrote to its standard error. Twisted's `IOError` of `getProcessOutput`.
    WroteErrors {
        /// The bytes that came first.
        errors: Vec<u8>,
        /// The end of the process, which may be yet to come. Twisted's `processEnded`.
        ended: ProcessEnd,
    },
    /// A signal ended it.
    Signaled {
        /// Its standard output.
        output: Vec<u8>,
        /// Its standard error.
        errors: Vec<u8>,
        /// The number of the signal.
        signal: i32,
    },
    /// It ran longer than it may, and was killed.
    TimedOut {
        /// The limit.
        after: Duration,
        /// Its standard output so far.
        output: Vec<u8>,
        /// Its standard error so far.
        errors: Vec<u8>,
    },
    /// It wrote more than it may, and was killed.
    TooMuchOutput {
        /// The limit in bytes.
        limit: usize,
    },
    /// Its exit status is not known: the reactor stopped, or other code reaped the process.
    StatusUnknown {
        /// The reason that the process ended with.
        reason: ProcessReason,
    },
}

/// The end of a process that was given up: a Deferred that is taken once.
pub struct ProcessEnd(Cell<Option<Deferred<ProcessReason>>>);

impl ProcessEnd {
    pub(super) fn new(ended: Deferred<ProcessReason>) -> Self {
        Self(Cell::new(Some(ended)))
    }

    /// The Deferred that fires when the process has ended; `None` if it was taken before.
    pub fn take(&self) -> Option<Deferred<ProcessReason>> {
        self.0.take()
    }
}

impl fmt::Debug for ProcessEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessEnd")
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WroteErrors { errors, .. } => {
                let shown = errors.trim_ascii();
                let shown = &shown[..shown.len().min(SHOWN_BYTES)];
                write!(f, "process wrote to its standard error: {}", printable(shown))
            }
            Self::Signaled { signal, .. } => write!(f, "process was ended by signal {signal}"),
            Self::TimedOut { after, .. } => {
                write!(f, "process ran longer than {after:?} and was killed")
            }
            Self::TooMuchOutput { limit } => {
                write!(f, "process wrote more than {limit} bytes and was killed")
            }
            Self::StatusUnknown { .. } => f.write_str("process has no exit code that is known"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::StatusUnknown { reason } => Some(reason),
            Self::WroteErrors { .. }
            | Self::Signaled { .. }
            | Self::TimedOut { .. }
            | Self::TooMuchOutput { .. } => None,
        }
    }
}
