//! A command under strace, and a conversation with it.
//!
//! Invariant: the traced process does not outlive its value.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testkit::pattern;

/// What a conversation sends and waits to get back.
const BYTES: usize = 20_000;

/// How long a conversation may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How the command began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    Served,
    Refused,
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversed {
    Whole,
    /// It was refused, reset, or not begun in time.
    Broken,
    /// A wrong byte, or a clean end that is too early.
    Wrong(String),
}

/// A command that is traced.
pub(super) struct Traced {
    strace: Child,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    process: Option<String>,
    /// The thread that reads the errors, to their end.
    reader: Option<JoinHandle<()>>,
}

impl Traced {
    /// Starts it; its first line is its process id.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let mut strace = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = channel();
        if let Some(output) = strace.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        let errors: Arc<Mutex<String>> = Arc::default();
        let reader = strace.stderr.take().map(|output| {
            let errors = errors.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                    errors.push_str(&line);
                    errors.push('\n');
                }
            })
        });
        let process = lines.recv_timeout(LIMIT).ok();
        Ok(Self { strace, lines, errors, process, reader })
    }

    /// Where it listens, if it does within this time.
    pub(super) fn address(&self, limit: Duration) -> Option<SocketAddr> {
        let line = self.lines.recv_timeout(limit).ok()?;
        line.strip_prefix("listening ")?.parse().ok()
    }

    pub(super) fn errors(&self) -> String {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn terminate(&self) {
        self.signal("TERM");
    }

    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            let mut kill = Command::new("kill");
            let _ = kill.args(["-s", signal, process]).stderr(Stdio::null()).status();
        }
    }

    /// Waits for its end, for this time at most.
    pub(super) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.strace.try_wait() {
                self.process = None;
                // It reads what is on its way through the pipe.
                drop(self.reader.take().map(JoinHandle::join));
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.signal("KILL");
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// Sends bytes, half-closes, and reads to the end.
pub(super) fn converse(address: SocketAddr) -> Conversed {
    let sent = pattern(9, BYTES);
    let mut received = Vec::new();
    match exchange(address, &sent, &mut received) {
        _ if !sent.starts_with(&received) => Conversed::Wrong("a wrong byte".into()),
        Ok(()) if received.len() == sent.len() => Conversed::Whole,
        Ok(()) => {
            Conversed::Wrong(format!("a clean end behind {} of {BYTES} bytes", received.len()))
        }
        Err(_) => Conversed::Broken,
    }
}

fn exchange(address: SocketAddr, sent: &[u8], received: &mut Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(sent)?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(received)?;
    Ok(())
}
