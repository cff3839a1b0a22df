//! A running `ropewalk` and its output.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Long enough for the slowest machine, short enough to notice.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The built program.
pub(crate) const ROPEWALK: &str = env!("CARGO_BIN_EXE_ropewalk");

/// Variables that decide how a command prints: CI machines, editors and users have them set.
const PRINTING: [&str; 6] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "LINES"];

/// A command whose output does not depend on how the tests were started.
pub(crate) fn with_default_output(mut command: Command) -> Command {
    for name in PRINTING {
        command.env_remove(name);
    }
    command
}

/// `ropewalk`, whose output does not depend on how the tests were started.
pub(crate) fn ropewalk_command() -> Command {
    with_default_output(Command::new(ROPEWALK))
}

/// A child whose output is collected while it runs, ended when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

/// A child that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: Vec<u8>,
    pub(crate) errors: String,
}

impl Running {
    /// Starts `ropewalk` with these arguments.
    pub(crate) fn ropewalk<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        let mut command = ropewalk_command();
        command.args(arguments);
        Self::command(command)
    }

    /// Starts a command that writes lines.
    pub(crate) fn command(command: Command) -> Self {
        Self::with_input(command, Stdio::null())
    }

    /// As [`command`](Self::command), with this standard input.
    pub(crate) fn with_input(mut command: Command, input: Stdio) -> Self {
        let mut child =
            command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let errors = Some(collect(child.stderr.take().unwrap()));
        Self { child, lines, errors }
    }

    /// The next line of standard output; without one, a panic with the standard error.
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(_) => panic!("no line came: {}", self.end()),
        }
    }

    /// Writes to its standard input, which has to be a pipe.
    pub(crate) fn say(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
    }

    /// The next line of standard output, if one comes.
    pub(crate) fn line_or_end(&mut self) -> Option<String> {
        self.lines.recv_timeout(LIMIT).ok()
    }

    /// The address of the next `listening` line.
    pub(crate) fn listening(&mut self) -> String {
        let line = self.line();
        line.strip_prefix("listening ").unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    /// A connection to the next TCP address listened on.
    pub(crate) fn connect(&mut self) -> TcpStream {
        connect(&self.listening())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, "--", &id]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end: the exit code, and what else it said.
    pub(crate) fn wait(mut self) -> Ended {
        let code = wait(&mut self.child);
        let errors = self.errors.take().unwrap().join().unwrap();
        let output = self.lines.iter().collect::<Vec<_>>().join("\n").into_bytes();
        Ended { code, output, errors }
    }

    /// SIGTERM, and the end.
    pub(crate) fn terminate(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection whose reads and writes have a time limit.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Runs `ropewalk` to its end, without input.
pub(crate) fn ropewalk<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ended {
    ropewalk_with(arguments, Vec::new())
}

/// Runs `ropewalk` to its end, with this input.
pub(crate) fn ropewalk_with<S: AsRef<std::ffi::OsStr>>(arguments: &[S], input: Vec<u8>) -> Ended {
    let mut command = ropewalk_command();
    command.args(arguments);
    run(command, input)
}

/// Runs a command to its end, with this input.
pub(crate) fn run(mut command: Command, input: impl AsRef<[u8]> + Send + 'static) -> Ended {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may end without reading its input.
    thread::spawn(move || drop(stdin.write_all(input.as_ref())));
    let errors = collect(child.stderr.take().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    let output = thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).unwrap();
        output
    });
    let code = wait(&mut child);
    Ended { code, output: output.join().unwrap(), errors: errors.join().unwrap() }
}

/// The exit code, or none after a signal.
///
/// # Panics
///
/// When it does not end in time; it is ended then.
pub(crate) fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it did not end in {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until `claim` holds.
pub(crate) fn eventually(what: &str, mut claim: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !claim() {
        assert!(Instant::now() < deadline, "not in {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn collect(mut errors: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = errors.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}
