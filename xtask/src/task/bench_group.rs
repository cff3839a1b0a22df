//! `cargo xtask bench-group`: several reactors in one process, as `xtask/bench/group` measures them.
//!
//! Invariant: the program is built for release, and its tables are printed as they are.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};

use cargo_metadata::MetadataCommand;
use lexopt::{Arg, Parser};

use super::{note, print};

const HELP: &str = "\
cargo xtask bench-group [echoes|spread]

Measures what two reactors serve beside one, without a kernel (echoes), and who gets the connections of
uneven clients, by the fewest connections and by SO_REUSEPORT (spread). Wants two idle cores.

Exit codes: 0 all was measured, 1 something failed, 64 the arguments were not understood.
";

const MEASUREMENTS: [&str; 2] = ["echoes", "spread"];

pub(crate) fn bench_group(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut chosen = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Value(name) => match MEASUREMENTS.into_iter().find(|it| name == *it) {
                Some(name) => chosen.push(name),
                None => {
                    let error = format!("there is no measurement {}", name.display()).into();
                    return Ok(super::misused(&error, HELP));
                }
            },
            other => return Ok(super::misused(&other.unexpected(), HELP)),
        }
    }
    if chosen.is_empty() {
        chosen.extend(MEASUREMENTS);
    }
    measure(&chosen).or_else(|error| {
        note(&format!("cargo xtask bench-group: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

fn measure(chosen: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = xtask.join("../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(workspace).no_deps().exec()?;
    let target = metadata.target_directory.join("bench");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--quiet", "--locked", "--package", "bench-group"]);
    build.arg("--manifest-path").arg(xtask.join("bench/Cargo.toml"));
    let status = build.arg("--target-dir").arg(&target).status()?;
    if !status.success() {
        return Err(format!("cargo build of bench-group: {status}").into());
    }
    for name in chosen {
        let output = Command::new(target.join("release/bench-group")).arg(name).output()?;
        if !output.status.success() {
            let messages = String::from_utf8_lossy(&output.stderr);
            return Err(format!("bench-group {name}: {}", messages.trim()).into());
        }
        print(&String::from_utf8_lossy(&output.stdout))?;
    }
    Ok(ExitCode::SUCCESS)
}
