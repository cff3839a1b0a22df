//! README's program, as a newcomer builds it: a package of its own with README's one dependency.
//!
//! Invariant: the program and its dependencies are README's text; the test puts in only the path to
//! this tree.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::support::Example;

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

fn assert_echoes(mut connection: impl Read + Write) {
    connection.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    connection.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
}

/// Builds the program with what the workspace has built before, and the versions it has locked.
fn build(program: &str, dependencies: &str) -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let package = temporary.join("readme");
    fs::create_dir_all(package.join("src")).unwrap();
    assert!(dependencies.contains(PATH_IN_README), "{dependencies}");
    let here = format!("{:?}", env!("CARGO_MANIFEST_DIR"));
    let manifest = format!(
        "[package]\nname = \"readme\"\nedition = \"2024\"\n\n{}\n[workspace]\n",
        dependencies.replace(PATH_IN_README, &here)
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::write(package.join("src/main.rs"), program).unwrap();
    fs::copy(workspace().join("Cargo.lock"), package.join("Cargo.lock")).unwrap();

    let target = temporary.parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/readme")
}

/// The first block of README that is marked so.
fn block<'a>(readme: &'a str, mark: &str) -> &'a str {
    let (_, rest) = readme.split_once(&format!("```{mark}\n")).expect("README has such a block");
    rest.split_once("```").expect("the block ends").0
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
