//! The tasks, one file each, and how they write.
//!
//! Invariant: results go to standard output, everything else to standard error.

mod arguments;
mod bench;
mod bench_deferred;
mod cargo_tests;
mod catalogue;
mod conformance;
mod counts;
mod counts_baseline;
mod counts_program;
mod coverage;
mod coverage_report;
mod json;
mod miri;
mod mutants;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) use bench::bench;
pub(crate) use bench_deferred::bench_deferred;
pub(crate) use conformance::conformance;
pub(crate) use counts::counts;
pub(crate) use miri::miri;
pub(crate) use mutants::mutants;

/// The exit code of sysexits.h for a command that was used the wrong way.
const EX_USAGE: u8 = 64;

/// Prints a result, and succeeds. A reader that went away has what it wanted.
pub(crate) fn print(text: &str) -> Result<ExitCode, lexopt::Error> {
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// Prints what is no result.
pub(crate) fn note(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says what was wrong with the arguments, and what would be right.
pub(crate) fn misused(error: &lexopt::Error, help: &str) -> ExitCode {
    note(&format!("cargo xtask: {error}\n\n{help}"));
    ExitCode::from(EX_USAGE)
}
