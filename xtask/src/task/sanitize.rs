//! `cargo xtask sanitize`: the tests under the sanitizers of the compiler.
//!
//! Invariant: nothing is installed; without a nightly toolchain it says so and succeeds.

use std::process::{Command, ExitCode, Stdio};

use lexopt::{Arg, Parser, ValueExt as _};

use super::{misused, note, print};

const HELP: &str = "\
cargo xtask sanitize [--only SANITIZER] [CRATE]...

Runs the tests of the crates under the sanitizers of a nightly compiler, with the std that comes with it.
  address  accesses outside of memory, after its end, and leaks; every crate
  thread   data races, in the tests that use threads; std itself is not instrumented, so what it synchronizes
           is told by a list of what to leave out
  CRATE    only this one, by the name of its package

Exit codes: 0 all passed or were skipped, 1 something failed, 64 the arguments were not understood.
";

/// One sanitizer, and what runs under it.
struct Sanitizer {
    name: &'static str,
    flags: &'static str,
    /// Packages, and the arguments of their tests.
    suites: &'static [(&'static str, &'static [&'static str])],
    /// The variable with its options, and those.
    options: (&'static str, &'static str),
}

const SANITIZERS: [Sanitizer; 2] = [
    Sanitizer {
        name: "address",
        flags: "-Zsanitizer=address",
        suites: &[
            // Those of a million links or waiters take minutes each.
            ("ropewalk-deferred", &["--lib", "--test", "suite", "--", "--skip", "million"]),
            ("ropewalk-interfaces", &["--lib"]),
            ("ropewalk-protocol", &["--lib"]),
            ("ropewalk-endpoints", &["--lib"]),
            ("ropewalk-systemd", &["--lib"]),
            (
                "ropewalk-reactor",
                &["--lib", "--test", "kernel", "--test", "simulated", "--", "--skip", "lives"],
            ),
            ("ropewalk-runner", &["--lib"]),
            ("ropewalk-tls", &["--lib"]),
        ],
        options: ("ASAN_OPTIONS", "detect_leaks=1"),
    },
    Sanitizer {
        name: "thread",
        flags: "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
        suites: &[
            ("ropewalk-deferred", &["--lib"]),
            ("ropewalk-reactor", &["--lib", "threads"]),
            ("ropewalk-runner", &["--lib"]),
        ],
        options: ("TSAN_OPTIONS", "ignore_noninstrumented_modules=1"),
    },
];

pub(crate) fn sanitize(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let (mut only, mut crates) = (None, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("only") => only = Some(parser.value()?.string()?),
            Arg::Value(name) => crates.push(name.string()?),
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    let known = |name: &String| SANITIZERS.iter().any(|it| it.name == name);
    if let Some(name) = only.as_ref().filter(|name| !known(name)) {
        return Ok(misused(&format!("there is no sanitizer {name}").into(), HELP));
    }
    if !has_nightly() {
        note("cargo xtask sanitize: skipped, as there is no nightly toolchain\n");
        return Ok(ExitCode::SUCCESS);
    }
    note(
        "cargo xtask sanitize: skipped is memory, as it needs a std of its own (component rust-src)\n",
    );
    let mut all_passed = true;
    for sanitizer in SANITIZERS.iter().filter(|it| only.as_ref().is_none_or(|name| it.name == name))
    {
        let is_wanted = |name: &str| crates.is_empty() || crates.iter().any(|it| it == name);
        for (package, arguments) in sanitizer.suites.iter().filter(|(name, _)| is_wanted(name)) {
            let passed = run(sanitizer, package, arguments);
            let word = if passed { "passed" } else { "failed" };
            print(&format!("{:<8} {package:<22} {word}\n", sanitizer.name))?;
            all_passed &= passed;
        }
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn nightly() -> Command {
    let mut command = Command::new("cargo");
    // A toolchain that was chosen for this process would be asked instead.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").arg("+nightly");
    command.stdin(Stdio::null());
    command
}

fn has_nightly() -> bool {
    let status = nightly().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Whether the tests of a package pass. With a target that is named, build scripts and macros are built without
/// the sanitizer.
fn run(sanitizer: &Sanitizer, package: &str, arguments: &[&str]) -> bool {
    let (variable, options) = sanitizer.options;
    let mut command = nightly();
    command.env("RUSTFLAGS", sanitizer.flags).env(variable, options);
    command.args(["test", "--quiet", "--locked", "--target", HOST]);
    command.args(["--target-dir", &format!("target/sanitize-{}", sanitizer.name)]);
    command.args(["--package", package]).args(arguments);
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            note(&format!("cargo xtask sanitize: cannot run cargo +nightly: {error}\n"));
            false
        }
    }
}

/// The machine that the sanitizers are run on.
const HOST: &str = "x86_64-unknown-linux-gnu";
