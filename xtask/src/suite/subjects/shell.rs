//! [`ChildScript`]s as programs of the shell.
//!
//! Invariant: the shell itself writes and dies, so that what ends it ends the writing.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::suite::{ChildScript, ChildStep};

/// The shell.
pub(super) const SHELL: &str = "/bin/sh";

/// Bytes in one command, which the shell writes at once or in a few pieces.
const WRITE_BYTES: usize = 4096;

/// Scripts in a directory that is removed with this.
#[derive(Debug)]
pub(super) struct Scripts {
    directory: TempDir,
    count: std::cell::Cell<u32>,
}

impl Scripts {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { directory: TempDir::new()?, count: std::cell::Cell::new(0) })
    }

    /// Writes a script, and returns its path: the argument of the shell.
    pub(super) fn add(&self, script: &ChildScript) -> io::Result<PathBuf> {
        self.count.set(self.count.get() + 1);
        let path = self.directory.path().join(self.count.get().to_string());
        fs::write(&path, source(script))?;
        Ok(path)
    }
}

fn source(script: &ChildScript) -> String {
    // A child that dies leaves no file behind.
    let mut source = String::from("ulimit -c 0\n");
    for signal in script.ignored() {
        let _ = writeln!(source, "trap '' {signal}");
    }
    let steps = script.steps();
    for (number, step) in steps.iter().enumerate() {
        // The last command takes the place of the shell, so that a signal to the child ends it too.
        let exec = if number + 1 == steps.len() { "exec " } else { "" };
        command(&mut source, exec, step);
    }
    source
}

fn command(source: &mut String, exec: &str, step: &ChildStep) {
    let _ = match step {
        ChildStep::Write(child_fd, bytes) => {
            for piece in bytes.chunks(WRITE_BYTES) {
                source.push_str("printf '");
                for byte in piece {
                    let _ = write!(source, "\\{byte:03o}");
                }
                let _ = writeln!(source, "' >&{child_fd}");
            }
            Ok(())
        }
        ChildStep::Read(usize::MAX) => writeln!(source, "{exec}cat >/dev/null"),
        ChildStep::Read(length) => writeln!(source, "head -c {length} >/dev/null"),
        ChildStep::Echo => writeln!(source, "{exec}cat"),
        ChildStep::Close(child_fd) => writeln!(source, "exec {child_fd}>&-"),
        ChildStep::Sleep(time) => writeln!(source, "{exec}sleep {}", time.as_secs_f64()),
        ChildStep::Exit(code) => writeln!(source, "exit {code}"),
        ChildStep::Die(signal) => writeln!(source, "kill -{signal} $$"),
    };
}
