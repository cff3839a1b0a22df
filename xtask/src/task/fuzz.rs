//! `cargo xtask fuzz`: streams of bytes that libFuzzer makes, for what reads bytes from peers and users.
//!
//! The targets are a workspace of their own, `xtask/fuzz`. They are built with the stable compiler, whose LLVM
//! pass counts which code an input reaches. Invariant: a target that finds something fails the run, and the
//! input stays below the target directory.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use cargo_metadata::MetadataCommand;
use lexopt::{Arg, Parser, ValueExt as _};

use super::{misused, note, output, print};

/// How long each target runs by default, in seconds.
const SECONDS: u64 = 60;

/// How long one input may take.
const INPUT_PATIENCE: Duration = Duration::from_secs(10);

/// The binaries of `xtask/fuzz`; add a name here and there.
const TARGETS: [&str; 8] = [
    "lines",
    "netstrings",
    "int-strings",
    "receivers",
    "proxy-headers",
    "tls-layer",
    "client-hellos",
    "endpoint-strings",
];

/// What makes the compiler count the code that is reached: libFuzzer reads these counters.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

const HELP: &str = "\
cargo xtask fuzz [TARGET]... [--seconds N]

Builds the fuzzing targets, and runs each for a minute. What was learnt before is kept in
target/fuzz/corpus, and an input that breaks something in target/fuzz/artifacts. Needs a C++ compiler;
without one nothing is run, which fails only if ROPEWALK_PEERS=required is set.
  TARGET       only this one: lines, netstrings, int-strings, receivers, proxy-headers, tls-layer,
               client-hellos, endpoint-strings
  --seconds N  run each target for so long
  --input FILE run this one input on the target, to see an error again

Exit codes: 0 nothing was found, 1 something was, 64 the arguments were not understood.
";

#[derive(Debug)]
struct FuzzArguments {
    targets: Vec<String>,
    seconds: u64,
    input: Option<PathBuf>,
}

pub(crate) fn fuzz(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut arguments = FuzzArguments { targets: Vec::new(), seconds: SECONDS, input: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("seconds") => arguments.seconds = parser.value()?.parse()?,
            Arg::Long("input") => arguments.input = Some(parser.value()?.into()),
            Arg::Value(name) => arguments.targets.push(name.string()?),
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    if let Some(unknown) = arguments.targets.iter().find(|name| !TARGETS.contains(&&***name)) {
        return Ok(misused(&format!("there is no target {unknown}").into(), HELP));
    }
    run(&arguments).or_else(|error| {
        note(&format!("cargo xtask fuzz: {error}\n"));
        Ok(ExitCode::FAILURE)
    })
}

fn run(arguments: &FuzzArguments) -> Result<ExitCode, Box<dyn Error>> {
    if output(Command::new("c++").arg("--version")).is_err() {
        let reason = "cargo xtask fuzz: nothing is run, as there is no C++ compiler (c++)";
        if testkit::peers_are_required() {
            return Err(reason.into());
        }
        testkit::skip(reason);
        return Ok(ExitCode::SUCCESS);
    }
    let directory = directory()?;
    let programs = build(&directory)?;
    let chosen = |name: &&&str| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|it| it == **name)
    };
    let mut found = Vec::new();
    for name in TARGETS.iter().filter(chosen) {
        let mut command = Command::new(programs.join(name));
        match &arguments.input {
            Some(input) => drop(command.arg(input)),
            None => add_options(&mut command, name, &directory, arguments.seconds)?,
        }
        note(&format!("{name}: {} s\n", arguments.seconds));
        if !command.status()?.success() {
            found.push(*name);
        }
    }
    if found.is_empty() {
        return print("nothing was found\n").map_err(Into::into);
    }
    Err(format!("something was found by {}", found.join(", ")).into())
}

/// The folders of the target and its time.
fn add_options(
    command: &mut Command,
    name: &str,
    directory: &Path,
    seconds: u64,
) -> Result<(), Box<dyn Error>> {
    let [corpus, artifacts] = ["corpus", "artifacts"].map(|it| directory.join(it).join(name));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(&artifacts);
    prefix.push("/");
    command.arg(prefix).arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={}", INPUT_PATIENCE.as_secs())).arg("-print_final_stats=1");
    command.arg("-verbosity=0").arg(&corpus);
    Ok(())
}

/// Builds the targets; the directory of their programs.
fn build(directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    note("building what is fuzzed\n");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // For a named target, so that the flags do not reach procedural macros.
    let host = host()?;
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--release", "--target", &host, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(directory)
        .env("RUSTFLAGS", COVERAGE)
        .status()?;
    if !built.success() {
        return Err(format!("cannot build the targets: {built}").into());
    }
    Ok(directory.join(host).join("release"))
}

/// The target that the compiler runs on.
pub(super) fn host() -> Result<String, Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV does not tell its host")?.to_owned())
}

fn directory() -> Result<PathBuf, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(workspace).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf().join("fuzz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_binary_of_the_workspace_and_in_the_help() {
        let manifest = include_str!("../../fuzz/Cargo.toml");
        let binaries = manifest.matches("[[bin]]").count();
        assert_eq!(binaries, TARGETS.len());
        for target in TARGETS {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            assert!(HELP.contains(target), "{target}");
        }
    }
}
