//! The program `ropewalk-counts`: built in release mode, and run under callgrind.
//!
//! Invariant: the counted program is built in the same run, from the sources of the tree.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::MetadataCommand;

use super::counts_baseline::Cost;
use super::note;

/// N of the two runs, with N and 2N repeats.
const REPEATS: u64 = 1000;

/// The built program.
pub(crate) struct Program {
    path: PathBuf,
}

/// The counts of one run.
struct Run {
    instructions: u64,
    allocations: u64,
}

impl Program {
    /// Checks that valgrind is installed; the error is the reason to skip.
    pub(crate) fn can_be_counted() -> Result<(), String> {
        let there = Command::new("valgrind").arg("--version").output();
        there.map(drop).map_err(|error| format!("valgrind cannot be run: {error}"))
    }

    pub(crate) fn build() -> Result<Self, Box<dyn Error>> {
        note("building what is counted\n");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let built = Command::new(cargo())
            .args(["build", "--quiet", "--locked", "--release", "--package", "ropewalk-counts"])
            .arg("--manifest-path")
            .arg(&manifest)
            .status()?;
        if !built.success() {
            return Err(format!("cannot build ropewalk-counts: {built}").into());
        }
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
        let path = metadata.target_directory.join("release/ropewalk-counts");
        Ok(Program { path: path.into_std_path_buf() })
    }

    /// The names of its operations.
    pub(crate) fn operations(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let output = output(&mut Command::new(&self.path))?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// The cost of one of these operations.
    pub(crate) fn cost(&self, operation: &str) -> Result<Cost, Box<dyn Error>> {
        let (once, twice) = (self.run(operation, REPEATS)?, self.run(operation, 2 * REPEATS)?);
        let difference = |once: u64, twice: u64| {
            twice.checked_sub(once).ok_or_else(|| format!("{operation} costs less done twice"))
        };
        let instructions = difference(once.instructions, twice.instructions)?;
        let allocations = difference(once.allocations, twice.allocations)?;
        Ok(Cost {
            instructions: (instructions + REPEATS / 2) / REPEATS,
            milli_allocations: allocations * 1000 / REPEATS,
        })
    }

    fn run(&self, operation: &str, repeats: u64) -> Result<Run, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let profile = directory.path().join("profile");
        let mut argument = OsString::from("--callgrind-out-file=");
        argument.push(&profile);
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(argument).arg(&self.path);
        let allocations = output(command.arg(operation).arg(repeats.to_string()))?;
        let profile = fs::read_to_string(profile)?;
        let instructions = total(&profile).ok_or("callgrind has counted nothing")?;
        Ok(Run { instructions, allocations: allocations.trim().parse()? })
    }
}

/// The inputs of the counts beside the sources: the compiler, and the library with the allocator.
pub(crate) fn maker() -> Result<String, Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = output(Command::new(rustc).arg("--version"))?;
    let library = output(Command::new("getconf").arg("GNU_LIBC_VERSION"))
        .unwrap_or_else(|_| "another C library".into());
    Ok(format!("{}, {}, {}", rustc.trim(), library.trim(), std::env::consts::ARCH))
}

/// The sum in the profile that callgrind writes.
fn total(profile: &str) -> Option<u64> {
    let sum = |line: &str| line.strip_prefix("totals: ")?.split(' ').next()?.parse().ok();
    profile.lines().find_map(sum)
}

fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {said}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_found_in_a_profile() {
        assert_eq!(total("events: Ir\nsummary: 2\nfn=(1)\n1 5\ntotals: 1234\n"), Some(1234));
        assert_eq!(total("events: Ir\n"), None);
    }
}
