//! One run of a server.
//!
//! Invariant: a server's process ends when its value is dropped.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::machine::server_core;
use super::programs::Programs;

/// A server that listens.
pub(super) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(super) port: u16,
}

impl Server {
    /// Starts a server on its core, and waits until it listens.
    pub(super) fn start(
        programs: &Programs,
        words: &[PathBuf],
        arguments: &[String],
        environment: &[(&str, &OsStr)],
    ) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(programs.load());
        command.args(["pinned", &server_core()]).args(words).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.envs(environment.iter().copied());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self { child, output: BufReader::new(output), port: 0 };
        let line = server.line()?;
        let port = line.strip_prefix("ready ").ok_or("the server did not get ready")?;
        server.port = port.trim_end().parse()?;
        Ok(server)
    }

    /// The next line of its output; an empty one when it has ended.
    pub(super) fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its standard input; killing a process that has ended is harmless.
        drop(self.child.stdin.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
