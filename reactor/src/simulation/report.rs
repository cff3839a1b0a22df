//! [`SimulationFailure`]: what a failing run tells.
//!
//! Invariant: its text names the command that runs the same again.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use super::run::shown;
use super::seeds::test_name;
use super::time_line;
use super::token::RunToken;
use super::world::Failed;

/// A run that failed, with the fewest choices that make it fail.
pub struct SimulationFailure {
    pub(super) first: RunToken,
    pub(super) token: RunToken,
    pub(super) failed: Failed,
    pub(super) lives: u64,
    /// How many runs there were until the first that failed, and how many it was shrunk by.
    pub(super) runs: u64,
    pub(super) tries: usize,
    pub(super) drawing: Option<PathBuf>,
}

impl SimulationFailure {
    /// What went wrong.
    pub fn what(&self) -> &str {
        &self.failed.what
    }

    /// The run with the fewest choices that fails.
    pub fn token(&self) -> &RunToken {
        &self.token
    }

    /// How many lives that run has: connections, datagram sockets and children.
    pub fn lives(&self) -> u64 {
        self.lives
    }

    /// The open sockets at the moment of the failure, as netstat(8) prints them.
    pub fn sockets(&self) -> &str {
        &self.failed.sockets
    }

    /// The life of the connection that was used last, as text; empty if there was none.
    pub fn time_line(&self) -> String {
        self.failed.life.as_ref().map(time_line::text).unwrap_or_default()
    }

    /// The same as a picture, in SVG.
    pub fn time_line_svg(&self) -> String {
        self.failed.life.as_ref().map(time_line::svg).unwrap_or_default()
    }

    /// How many clean runs are wanted, after a repair, before the bug may be called gone: three times as many as it
    /// took to find it. By the rule of three a bug of that frequency would then have shown itself with 95 %.
    pub fn clean_runs_wanted(&self) -> u64 {
        self.runs.saturating_mul(3)
    }

    fn write_choices(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(kept) = &self.token.kept else { return Ok(()) };
        if kept.is_empty() {
            return writeln!(f, "It fails without any fault or delay.");
        }
        writeln!(f, "It needs these choices, of all that the seed draws:")?;
        for ((kind, number), answer) in kept.iter().take(SHOWN_MAX) {
            writeln!(f, "  {kind}, number {number}: {answer}")?;
        }
        if kept.len() > SHOWN_MAX {
            writeln!(f, "  and {} more", kept.len() - SHOWN_MAX)?;
        }
        Ok(())
    }
}

/// How many choices a report lists.
const SHOWN_MAX: usize = 20;

impl Error for SimulationFailure {}

impl fmt::Debug for SimulationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SimulationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, token, failed, runs, tries, .. } = self;
        writeln!(f, "a simulated run failed: {}", failed.what)?;
        writeln!(f, "at {} of the network's time, in the run {first}", shown(failed.time))?;
        let test = test_name().map(|name| format!(" {name}")).unwrap_or_default();
        writeln!(
            f,
            "\nRun it again, shrunk in {tries} runs:\n  ROPEWALK_SEED={token} cargo test{test}"
        )?;
        writeln!(f)?;
        self.write_choices(f)?;
        writeln!(f, "\nThe sockets at that moment:\n{}", failed.sockets)?;
        let line = self.time_line();
        if !line.is_empty() {
            writeln!(f, "The connection that was used last:\n{line}")?;
        }
        if let Some(drawing) = &self.drawing {
            writeln!(f, "Drawn in {}\n", drawing.display())?;
        }
        let wanted = self.clean_runs_wanted();
        write!(
            f,
            "Run {runs} was the first to fail. After a repair, {wanted} clean runs are wanted."
        )
    }
}
