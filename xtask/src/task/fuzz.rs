//! `cargo xtask fuzz`: streams of bytes that libFuzzer makes, for what reads bytes from peers and users.
//!
//! The targets are a workspace of their own, `xtask/fuzz`. They are built with the stable compiler, whose LLVM
//! pass counts which code an input reaches. Invariant: a target that finds something fails the run, and the
//! input stays below the target directory.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cargo_metadata::MetadataCommand;
use lexopt::{Arg, Parser, ValueExt as _};

use super::{kept_inputs, misused, note, output, print};

/// How long each target runs by default, in seconds.
const SECONDS: u64 = 60;

/// How long one input may take.
const INPUT_PATIENCE: Duration = Duration::from_secs(10);

/// The targets of `xtask/fuzz`; add a name here and there.
const TARGETS: [&str; 14] = [
    "client-hellos",
    "deferreds",
    "endpoint-strings",
    "int-strings",
    "lines",
    "listen-fds",
    "netstrings",
    "pem-files",
    "proxy-answers",
    "proxy-headers",
    "receivers",
    "relays",
    "timers",
    "tls-layer",
];

/// What makes the compiler count the code that is reached: libFuzzer reads these counters.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

const HELP: &str = "\
cargo xtask fuzz [TARGET]... [--seconds N] [--keep]

Builds the fuzzing targets, and runs each for a minute, as many at a time as there are cores. It begins with
the inputs of xtask/fuzz/kept, which a test of that package runs, too. What was learnt before is kept in
target/fuzz/corpus, and an input that breaks something in target/fuzz/artifacts. Needs a C++ compiler; without
one nothing is run, which fails only if ROPEWALK_PEERS=required is set.
  TARGET       only this one: client-hellos, deferreds, endpoint-strings, int-strings, lines, listen-fds,
               netstrings, pem-files, proxy-answers, proxy-headers, receivers, relays, timers, tls-layer
  --seconds N  run each target for so long
  --keep       then write the fewest inputs that reach the same code to xtask/fuzz/kept, at most 200
  --input FILE run this one input on the target, to see an error again

Exit codes: 0 nothing was found, 1 something was, 64 the arguments were not understood.
";

#[derive(Debug)]
struct FuzzArguments {
    targets: Vec<String>,
    seconds: u64,
    keeps: bool,
    input: Option<PathBuf>,
}

pub(crate) fn fuzz(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut arguments =
        FuzzArguments { targets: Vec::new(), seconds: SECONDS, keeps: false, input: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("seconds") => arguments.seconds = parser.value()?.parse()?,
            Arg::Long("keep") => arguments.keeps = true,
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
    let program = build(&directory)?;
    let chosen = |name: &&&str| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|it| it == **name)
    };
    let target = |name| FuzzTarget { name, program: &program, directory: &directory };
    let targets: Vec<_> = TARGETS.iter().filter(chosen).map(|name| target(name)).collect();
    let found = run_all(&targets, arguments)?;
    if found.is_empty() {
        return print("nothing was found\n").map_err(Into::into);
    }
    Err(format!("something was found by {}", found.join(", ")).into())
}

/// Runs as many at a time as there are cores; the names of those that found something.
fn run_all(
    targets: &[FuzzTarget<'_>],
    arguments: &FuzzArguments,
) -> Result<Vec<&'static str>, String> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result<(), String> {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            note(&format!("{}: {} s\n", target.name, arguments.seconds));
            if !target.run_and_keep(arguments).map_err(|error| error.to_string())? {
                found.lock().unwrap_or_else(PoisonError::into_inner).push(target.name);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().expect("it does not panic"));
        ended.collect::<Vec<_>>().into_iter().collect::<Result<(), String>>()
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// A target, the program that runs it, and the folder of what the fuzzer writes.
struct FuzzTarget<'a> {
    name: &'static str,
    program: &'a Path,
    directory: &'a Path,
}

impl FuzzTarget<'_> {
    /// Whether nothing was found; the inputs are kept then, if they are to be.
    fn run_and_keep(&self, arguments: &FuzzArguments) -> Result<bool, Box<dyn Error>> {
        let is_clean = self.run(arguments)?;
        if is_clean && arguments.keeps {
            self.keep()?;
        }
        Ok(is_clean)
    }

    /// Whether nothing was found.
    fn run(&self, arguments: &FuzzArguments) -> Result<bool, Box<dyn Error>> {
        let mut command = self.command();
        match &arguments.input {
            Some(input) => drop(command.arg(input)),
            None => self.add_options(&mut command, arguments.seconds)?,
        }
        Ok(command.status()?.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env("ROPEWALK_FUZZ", self.name);
        command
    }

    /// A folder of the target, which is there.
    fn folder(&self, kind: &str) -> io::Result<PathBuf> {
        let folder = self.directory.join(kind).join(self.name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The folders of the target and its time.
    fn add_options(&self, command: &mut Command, seconds: u64) -> Result<(), Box<dyn Error>> {
        let (corpus, artifacts) = (self.folder("corpus")?, self.folder("artifacts")?);
        kept_inputs::unpack(self.name, &corpus)?;
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(&artifacts);
        prefix.push("/");
        command.arg(prefix).arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-timeout={}", INPUT_PATIENCE.as_secs())).arg("-print_final_stats=1");
        command.arg("-verbosity=0").arg(&corpus);
        Ok(())
    }

    /// Keeps the fewest inputs that reach what all of the corpus reach.
    fn keep(&self) -> Result<(), Box<dyn Error>> {
        let merged = self.folder("merged")?;
        fs::remove_dir_all(&merged)?;
        fs::create_dir_all(&merged)?;
        let mut command = self.command();
        command.args(["-merge=1", "-verbosity=0"]).args([&merged, &self.folder("corpus")?]);
        if !command.status()?.success() {
            return Err(format!("the inputs of {} cannot be merged", self.name).into());
        }
        kept_inputs::pack(self.name, &merged)?;
        Ok(())
    }
}

/// Builds the targets; their program.
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
    Ok(directory.join(host).join("release").join("ropewalk-fuzz"))
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
    fn every_target_is_one_of_the_fuzzers_package_and_in_the_help() {
        let library = include_str!("../../fuzz/src/lib.rs");
        assert_eq!(library.matches("::run),").count(), TARGETS.len());
        for target in TARGETS {
            assert!(library.contains(&format!("(\"{target}\", ")), "{target}");
            assert!(HELP.contains(target), "{target}");
        }
    }
}
