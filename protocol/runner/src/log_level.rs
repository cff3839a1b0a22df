//! The levels of log lines; Twisted's `LogLevel`.
//!
//! Invariant: they are in order, the least important first.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use interfaces::printable;

/// How important a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the program's authors.
    Debug,
    /// What happens, such as a port that opens.
    #[default]
    Info,
    /// Something is not as it should be, and the program goes on.
    Warn,
    /// Something failed.
    Error,
    /// The program cannot go on.
    Critical,
}

impl LogLevel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLogLevel> {
        let level = Self::ALL.into_iter().find(|level| level.name() == name);
        level.ok_or_else(|| UnknownLogLevel { name: name.into() })
    }
}

/// No level has this name. Twisted's `InvalidLogLevelError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLogLevel {
    name: String,
}

impl fmt::Display for UnknownLogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid log level: {}", printable(&self.name))
    }
}

impl Error for UnknownLogLevel {}
