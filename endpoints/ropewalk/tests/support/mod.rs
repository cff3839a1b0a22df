//! The examples, as programs.

#![allow(dead_code, reason = "each file of tests uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// A program that runs; it is killed when this is dropped.
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example of this name, beside the directory of the tests. Cargo builds examples for a run of all tests,
/// and not for one of these alone.
pub(crate) fn executable(example: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "ropewalk", "--examples"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success());
    });
    let test = env::current_exe().expect("this test");
    let directory = test.parent().and_then(Path::parent).expect("the target directory");
    directory.join("examples").join(example)
}

/// An example that runs, and logs where it listens.
pub(crate) struct Example {
    pub(crate) process: Program,
    pub(crate) log: BufReader<ChildStderr>,
}

impl Example {
    /// Starts one.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, &[])
    }

    /// Starts one, with additions to the environment.
    pub(crate) fn start_with(
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &Path)],
    ) -> Self {
        let mut command = Command::new(executable(name));
        command.args(arguments).envs(environment.iter().copied());
        Self::run(&mut command)
    }

    /// Runs another program that logs as the examples do.
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process: Program(process), log }
    }

    /// The address in its next line that ends with `listening on ADDRESS`.
    pub(crate) fn address(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.log.read_line(&mut line).unwrap();
            assert!(length > 0, "it ended: {:?}", self.process.0.wait());
            if let Some((_, address)) = line.trim_end().split_once("] listening on ") {
                return address.to_owned();
            }
        }
    }
}

/// A connection on which reading fails when nothing comes for 20 s.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

pub(crate) fn assert_echoes(mut connection: impl Read + Write) {
    connection.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    connection.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
}

/// Builds a package outside the workspace, with what the workspace has built before, and the versions that it
/// has locked; the sources are by their paths in `src`. Returns its program.
pub(crate) fn build_outside(name: &str, manifest: &str, sources: &[(&str, &str)]) -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let package = temporary.join(name);
    fs::create_dir_all(package.join("src")).unwrap();
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    for (path, text) in sources {
        fs::write(package.join("src").join(path), text).unwrap();
    }
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::copy(lock, package.join("Cargo.lock")).unwrap();
    let target = temporary.parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--manifest-path"]).arg(package.join("Cargo.toml"));
    let output = cargo.arg("--target-dir").arg(target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug").join(name)
}
