//! `--log` and `--log-level`: the form of the lines, and which are told.
//!
//! Invariant: they are set once, before the first thread reports; until then lines are text, and all are told.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use clap::ValueEnum;
use runner::LogLevel;

static SETTINGS: OnceLock<LogSettings> = OnceLock::new();

/// What the command line says of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSettings {
    pub(crate) form: LogForm,
    pub(crate) level: LeastLevel,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// For people
    Text,
    /// One object a line, for programs
    Json,
    /// Text on a terminal, and JSON elsewhere
    Auto,
}

/// The least important lines that are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LeastLevel {
    /// All lines
    Info,
    /// Warnings and errors
    Warn,
    /// Errors
    Error,
}

impl LogSettings {
    /// Has the lines from here on told so. Later settings are not taken.
    pub(crate) fn begin(self) {
        let is_terminal = || io::stderr().is_terminal();
        let form = match self.form {
            LogForm::Auto if is_terminal() => LogForm::Text,
            LogForm::Auto => LogForm::Json,
            form => form,
        };
        let _ = SETTINGS.set(Self { form, ..self });
    }
}

/// Whether lines are objects of JSON.
pub(super) fn is_json() -> bool {
    SETTINGS.get().is_some_and(|settings| settings.form == LogForm::Json)
}

/// Whether lines of this level are told.
pub(crate) fn is_told(level: LogLevel) -> bool {
    let least = SETTINGS.get().map_or(LeastLevel::Info, |settings| settings.level);
    level >= least.into()
}

impl From<LeastLevel> for LogLevel {
    fn from(level: LeastLevel) -> Self {
        match level {
            LeastLevel::Info => Self::Info,
            LeastLevel::Warn => Self::Warn,
            LeastLevel::Error => Self::Error,
        }
    }
}
