//! Tests that can prove nothing on this machine.
//!
//! Each says why on its output, and adds a line to the file that `ROPEWALK_SKIPS` names, if it is set:
//! the name of the test, a tab, and the reason. `.ci/run` sums them up at the end. Invariant: every skip
//! of a test goes through here, so that none stays unseen.

use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::thread;

/// Notes that the rest of this test is skipped. The caller returns.
///
/// # Panics
///
/// When the file that `ROPEWALK_SKIPS` names cannot be written.
pub fn skip(reason: &str) {
    let line = format!("{}\t{reason}\n", test_name());
    if let Some(file) = env::var_os("ROPEWALK_SKIPS") {
        let appended = append(Path::new(&file), &line);
        appended.unwrap_or_else(|error| panic!("ROPEWALK_SKIPS={}: {error}", file.display()));
    }
    #[allow(clippy::print_stderr, reason = "the harness shows it with --nocapture")]
    {
        eprintln!("skipped: {reason}");
    }
}

/// Notes that the rest of this test is skipped because a program that it talks with is missing, or the
/// like, which can be installed.
///
/// # Panics
///
/// When [`peers_are_required`], and as [`skip`] does.
pub fn skip_without_peer(reason: &str) {
    assert!(!peers_are_required(), "ROPEWALK_PEERS=required, but {reason}");
    skip(reason);
}

/// A command that runs the program; `None`, and the test is noted as skipped, where it is not installed.
///
/// # Panics
///
/// As [`skip_without_peer`] does.
pub fn find_peer(program: &str) -> Option<Command> {
    let found = find(program);
    if found.is_none() {
        skip_without_peer(&format!("{program} is not installed"));
    }
    found
}

/// As [`find_peer`], for a program that `.ci/run` does not install, as it is large: the test is skipped without
/// it in any case.
///
/// # Panics
///
/// As [`skip`] does.
pub fn find_rare_peer(program: &str) -> Option<Command> {
    let found = find(program);
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

fn find(program: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path).any(|directory| directory.join(program).is_file());
    is_there.then(|| Command::new(program))
}

/// Whether a test fails where a peer is missing: `ROPEWALK_PEERS=required`.
pub fn peers_are_required() -> bool {
    env::var_os("ROPEWALK_PEERS").is_some_and(|value| value == "required")
}

/// The executable, without the hash that cargo adds to a test's, and the thread, which the harness names
/// after the test.
fn test_name() -> String {
    let executable = env::current_exe().unwrap_or_default();
    let stem = executable.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let is_hash = |end: &str| end.len() == 16 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = stem.rsplit_once('-').filter(|(_, end)| is_hash(end)).map_or(stem, |(name, _)| name);
    format!("{name}::{}", thread::current().name().unwrap_or_default())
}

/// In one write, so that the lines of processes that run side by side do not mix.
fn append(file: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(line.as_bytes())
}
