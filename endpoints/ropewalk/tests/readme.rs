//! README's program, as a newcomer builds it: a package of its own with README's one dependency.
//!
//! Invariant: the program and its dependencies are README's text; the test puts in only the path to
//! this tree.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::support::{Example, assert_echoes, build_outside};

/// The path in README's manifest, where a checkout lies beside the program.
const PATH_IN_README: &str = "\"../ropewalk/endpoints/ropewalk\"";

#[test]
fn readmes_program_builds_outside_the_workspace_with_one_dependency_and_echoes() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let (program, dependencies) = (block(&readme, "rust,no_run"), block(&readme, "toml"));
    let entries = dependencies.lines().filter(|line| line.contains('='));
    assert_eq!(entries.count(), 1, "one dependency line: {dependencies}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo");
    let mut command = Command::new(build(program, dependencies));
    command.args(["tcp:0:interface=127.0.0.1", &format!("unix:{}", path.display())]);
    let mut running = Example::run(&mut command);
    let over_tcp = TcpStream::connect(running.address()).unwrap();
    running.address();
    assert_echoes(over_tcp);
    assert_echoes(UnixStream::connect(path).unwrap());
}

/// Builds the program as a package of its own.
fn build(program: &str, dependencies: &str) -> PathBuf {
    assert!(dependencies.contains(PATH_IN_README), "{dependencies}");
    let here = format!("{:?}", env!("CARGO_MANIFEST_DIR"));
    let manifest = format!(
        "[package]\nname = \"readme\"\nedition = \"2024\"\n\n{}\n[workspace]\n",
        dependencies.replace(PATH_IN_README, &here)
    );
    build_outside("readme", &manifest, &[("main.rs", program)])
}

/// The first block of README that is marked so.
fn block<'a>(readme: &'a str, mark: &str) -> &'a str {
    let (_, rest) = readme.split_once(&format!("```{mark}\n")).expect("README has such a block");
    rest.split_once("```").expect("the block ends").0
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
