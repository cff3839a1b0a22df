//! The tasks, one file each, and their output.
//!
//! Invariant: results go to standard output, everything else to standard error.

mod arguments;
mod bench;
mod bench_deferred;
mod bench_group;
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
mod soak;
mod table;
mod twisted;

use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) use bench::bench;
pub(crate) use bench_deferred::bench_deferred;
pub(crate) use bench_group::bench_group;
pub(crate) use conformance::conformance;
pub(crate) use counts::counts;
pub(crate) use miri::miri;
pub(crate) use mutants::mutants;
pub(crate) use soak::soak;
pub(crate) use twisted::twisted;

/// The exit code of sysexits.h for wrong usage.
const EX_USAGE: u8 = 64;

/// Prints a result, and succeeds also if the reader has closed the pipe.
pub(crate) fn print(text: &str) -> Result<ExitCode, lexopt::Error> {
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// Prints a message that is not a result.
pub(crate) fn note(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Reports wrong arguments, with the help.
pub(crate) fn misused(error: &lexopt::Error, help: &str) -> ExitCode {
    note(&format!("cargo xtask: {error}\n\n{help}"));
    ExitCode::from(EX_USAGE)
}
