//! The examples, as programs.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// An example that runs; it is killed when this is dropped.
pub(crate) struct Example {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Example {
    /// Starts one that `cargo test` has built.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let tests = env::current_exe().unwrap();
        let example = tests.parent().unwrap().with_file_name("examples").join(name);
        let mut command = Command::new(example);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// The address in its next line, `listening ADDRESS`.
    pub(crate) fn address(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().strip_prefix("listening ").expect("it says where it listens").to_owned()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection on which reading fails when nothing comes for 20 s.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}
