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
mod fuzz;
mod json;
mod kept_inputs;
mod lines;
mod miri;
mod mutants;
mod planted;
mod sanitize;
mod simulate;
mod soak;
mod static_build;
mod supply;
mod table;
mod torture;
mod twisted;

use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

pub(crate) use bench::{bench, bench_relays};
pub(crate) use bench_deferred::bench_deferred;
pub(crate) use bench_group::bench_group;
pub(crate) use conformance::conformance;
pub(crate) use counts::counts;
pub(crate) use fuzz::fuzz;
pub(crate) use lines::lines;
pub(crate) use miri::miri;
pub(crate) use mutants::mutants;
pub(crate) use planted::planted;
pub(crate) use sanitize::sanitize;
pub(crate) use simulate::simulate;
pub(crate) use soak::soak;
pub(crate) use static_build::static_build;
pub(crate) use supply::supply_chain;
pub(crate) use torture::torture;
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

/// Runs a program, and gives what it writes.
///
/// # Errors
///
/// It does not start, fails, or writes what is no text.
fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .map_err(|error| format!("{} does not start: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ended with {}: {}", program.display(), output.status, said.trim()).into())
}

/// Reports wrong arguments, with the help.
pub(crate) fn misused(error: &lexopt::Error, help: &str) -> ExitCode {
    note(&format!("cargo xtask: {error}\n\n{help}"));
    ExitCode::from(EX_USAGE)
}
