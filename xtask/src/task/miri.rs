//! `cargo xtask miri`: the tests of the crates without std under Miri, where a nightly toolchain has it.
//!
//! Invariant: nothing is installed; without Miri it says so and succeeds.

use std::io;
use std::process::{Command, ExitCode, Stdio};

use lexopt::{Arg, Parser};

use super::{note, print};

const HELP: &str = "\
cargo xtask miri [CRATE]...

Runs the tests of the crates without std under Miri, which finds undefined behaviour in unsafe code.
Needs a nightly toolchain with the component miri; without it nothing is run, which is no failure.
  CRATE   only this one: deferred, interfaces, protocol, endpoints

Exit codes: 0 all passed or were skipped, 1 something failed, 64 the arguments were not understood.
";

/// The crates without std, and what of them runs under Miri.
const CRATES: [(&str, &[&str]); 4] = [
    // The others measure, run processes, or repeat for minutes what these do.
    ("deferred", &["--lib", "--test", "suite", "--test", "allocations"]),
    ("interfaces", &["--lib"]),
    ("protocol", &["--lib"]),
    ("endpoints", &["--lib"]),
];

pub(crate) fn miri(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut wanted = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Value(name) if CRATES.iter().any(|(known, _)| name == *known) => wanted.push(name),
            Arg::Value(name) => {
                let error = format!("{} is no crate without std", name.display()).into();
                return Ok(super::misused(&error, HELP));
            }
            other => return Ok(super::misused(&other.unexpected(), HELP)),
        }
    }
    if !is_installed() {
        note("cargo xtask miri: skipped, as no nightly toolchain has the component miri\n");
        return Ok(ExitCode::SUCCESS);
    }
    let chosen =
        CRATES.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|it| it == *name));
    let mut all_passed = true;
    for (name, targets) in chosen {
        match run(name, targets) {
            Ok(passed) => all_passed &= passed,
            Err(error) => {
                note(&format!("cargo xtask miri: cannot run cargo +nightly miri: {error}\n"));
                all_passed = false;
            }
        }
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn nightly() -> Command {
    let mut command = Command::new("cargo");
    // A toolchain that was chosen for this process would be asked instead.
    command.env_remove("RUSTUP_TOOLCHAIN").arg("+nightly").arg("miri").stdin(Stdio::null());
    command
}

fn is_installed() -> bool {
    let status = nightly().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Whether the tests of this crate pass.
fn run(name: &str, targets: &[&str]) -> io::Result<bool> {
    let mut command = nightly();
    command.args(["test", "--package", &format!("ropewalk-{name}")]).args(targets);
    Ok(command.status()?.success())
}
