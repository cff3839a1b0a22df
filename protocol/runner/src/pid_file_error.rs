//! The errors of pid files; Twisted's `InvalidPIDFileError`, `NoPIDFound`, `AlreadyRunningError`.
//!
//! Invariant: every variant names the file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use interfaces::printable;

/// Why a pid file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum PidFileError {
    /// There is none. Twisted's `NoPIDFound`.
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// Its first line is no number of a process.
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line.
        content: String,
    },
    /// The process that it names is alive.
    AlreadyRunning {
        /// The file.
        path: PathBuf,
        /// The process, if the file tells.
        process: Option<i32>,
    },
    /// A system call failed.
    Io {
        /// The attempt.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl fmt::Display for PidFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &Path| printable(&*path.to_string_lossy()).to_string();
        match self {
            Self::NotFound { path } => write!(f, "PID file does not exist: {}", shown(path)),
            Self::Invalid { path, content } => {
                let content = printable(content);
                write!(f, "non-integer PID value in PID file {}: \"{content}\"", shown(path))
            }
            Self::AlreadyRunning { path, process: Some(process) } => {
                write!(f, "process {process} of the PID file {} is running", shown(path))
            }
            Self::AlreadyRunning { path, process: None } => {
                write!(f, "a process holds the PID file {}", shown(path))
            }
            Self::Io { attempt, path, .. } => {
                write!(f, "cannot {attempt} the PID file {}", shown(path))
            }
        }
    }
}

impl Error for PidFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::NotFound { .. } | Self::Invalid { .. } | Self::AlreadyRunning { .. } => None,
        }
    }
}
