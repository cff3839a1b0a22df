//! README's program, as a newcomer builds it: a package of its own with README's one dependency.
//!
//! Invariant: the program and its dependencies are README's text; the test puts in only the path to
//! this tree.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The path in README's manifest, where a checkout lies beside the program.
const PATH_IN_README: &str = "\"../ropewalk/endpoints/ropewalk\"";

/// Ends the program, however the test ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn readmes_program_builds_outside_the_workspace_with_one_dependency_and_echoes() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let (program, dependencies) = (block(&readme, "rust,no_run"), block(&readme, "toml"));
    let entries = dependencies.lines().filter(|line| line.contains('='));
    assert_eq!(entries.count(), 1, "one dependency line: {dependencies}");

    let executable = build(program, dependencies);
    let mut command = Command::new(executable);
    command.arg("tcp:0:interface=127.0.0.1").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Program(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening ").expect("it says where it listens");

    let mut connection = TcpStream::connect(address).unwrap();
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
