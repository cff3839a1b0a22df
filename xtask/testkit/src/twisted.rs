//! Twisted in a virtual environment, for tests that compare with it.
//!
//! Invariant: nothing is installed outside of the directory that the test gives.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The version whose behaviour is the model.
const TWISTED: &str = "26.10.0";

/// The Python that has Twisted, installed now if it has to be, below `directory`: a test's
/// `CARGO_TARGET_TMPDIR`.
///
/// # Errors
///
/// Says why it cannot be had here.
pub fn twisted_python(directory: &Path) -> Result<PathBuf, String> {
    let directory = directory.join(format!("twisted-{TWISTED}"));
    let python = directory.join("bin").join("python");
    if run_program(Command::new(&python).args(["-c", &has_twisted()])).is_ok() {
        return Ok(python);
    }
    run_program(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run_program(Command::new(&python).args(pip).arg(format!("twisted=={TWISTED}")))?;
    run_program(Command::new(&python).args(["-c", &has_twisted()]))?;
    Ok(python)
}

fn has_twisted() -> String {
    format!("import twisted; assert twisted.__version__ == '{TWISTED}'")
}

/// Runs a program, and gives what it writes.
///
/// # Errors
///
/// Says that it does not start, or how it ended and what it said.
pub fn run_program(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"));
    }
    let said = String::from_utf8_lossy(if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    });
    Err(format!("{program} ended with {}: {}", output.status, said.trim()))
}
