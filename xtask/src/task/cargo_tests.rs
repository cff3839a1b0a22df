//! Runs the tests of a package, and reads the result of each one.
//!
//! Invariant: a test passed only if cargo printed `ok` for it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::Command;

/// The results of the tests that ran, by their name in the catalogue.
pub(crate) type Ran = BTreeMap<String, bool>;

/// The directory of the package that a test belongs to: `deferred` of `deferred/tests/chain.rs::x`.
pub(crate) fn package_of(test: &str) -> Option<&str> {
    let (file, _) = test.split_once("::")?;
    let end = file.find("/tests/").or_else(|| file.find("/src/"))?;
    Some(&file[..end])
}

/// Runs all tests of the package in this directory of the workspace.
pub(crate) fn run_package(workspace: &Path, directory: &str) -> io::Result<Ran> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // One pipe for both, so that a test follows the line that names its file.
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(cargo);
    command
        .args(["test", "--no-fail-fast", "--tests", "--manifest-path"])
        .arg(workspace.join(directory).join("Cargo.toml"))
        .stdin(std::process::Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command.spawn()?;
    // The command owns the writing ends: while it lives, the pipe has no end of file.
    drop(command);
    let mut output = TestOutput::new(directory);
    for line in BufReader::new(reader).split(b'\n') {
        output.read(&String::from_utf8_lossy(&line?));
    }
    child.wait()?;
    Ok(output.ran)
}

/// The lines read so far.
struct TestOutput {
    directory: String,
    file: String,
    ran: Ran,
}

impl TestOutput {
    fn new(directory: &str) -> Self {
        Self { directory: directory.to_owned(), file: String::new(), ran: Ran::new() }
    }

    fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(running) = line.strip_prefix("Running ") {
            let running = running.strip_prefix("unittests ").unwrap_or(running);
            self.file = running.split(' ').next().unwrap_or_default().to_owned();
        }
        let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|test| test.rsplit_once(" ... "))
        else {
            return;
        };
        let name = name.split(' ').next().unwrap_or_default();
        let passed = match outcome {
            "ok" => true,
            outcome if outcome.starts_with("FAILED") => false,
            // Ignored: it did not run.
            _ => return,
        };
        self.ran.insert(format!("{}/{}::{name}", self.directory, self.file), passed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_by_its_package_its_file_and_its_path() {
        let mut output = TestOutput::new("endpoints/cli");
        for line in [
            "     Running unittests src/main.rs (target/debug/deps/ropewalk-1)",
            "running 2 tests",
            "test a::tests::first ... ok",
            "test a::tests::second - should panic ... ok",
            "     Running tests/peers.rs (target/debug/deps/peers-1)",
            "test third ... FAILED",
            "test fourth ... ignored, no peer here",
            "test result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out",
        ] {
            output.read(line);
        }
        let want = [
            ("endpoints/cli/src/main.rs::a::tests::first", true),
            ("endpoints/cli/src/main.rs::a::tests::second", true),
            ("endpoints/cli/tests/peers.rs::third", false),
        ];
        assert!(output.ran.iter().map(|(name, passed)| (name.as_str(), *passed)).eq(want));
        assert_eq!(package_of("endpoints/cli/tests/peers.rs::third"), Some("endpoints/cli"));
        assert_eq!(package_of("third"), None);
    }
}
