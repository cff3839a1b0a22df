//! One run of a job: its programs in a directory of their own, on ports of their own.
//!
//! Invariant: every program that a run started has ended, with all that it started, when the run is over.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::credentials;
use crate::page::{Actor, Job, Step};

/// The time until a command has to see what it should: long enough for the slowest machine.
const LIMIT: Duration = Duration::from_secs(60);
/// The time of one attempt.
const ATTEMPT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);
const PORTS: usize = 6;

/// A shell in a process group of its own, which is ended whole when dropped.
pub(crate) struct Group(Child);

impl Group {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().expect("a shell"))
    }
}

/// The exit code of a shell that ends in time, or none.
pub(crate) fn exit_code(group: &mut Group) -> Option<i32> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = group.0.try_wait().expect("a child") {
            return status.code();
        }
        thread::sleep(PAUSE);
    }
    None
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ =
            Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// The place of a run.
struct Place {
    directory: TempDir,
    ports: Vec<u16>,
    ours: Option<u32>,
}

/// Runs a job; what went wrong, if something did.
pub(crate) fn run(job: &Job) -> Result<(), String> {
    let directory = tempfile::tempdir().expect("a directory");
    credentials::write(directory.path());
    std::fs::write(directory.path().join("hello.txt"), "hello, world\n").expect("a file");
    let mut place = Place { directory, ports: free_ports(), ours: None };
    let mut running = Vec::new();
    for (number, step) in job.steps.iter().enumerate() {
        let told = |what: String| {
            let Job { section, title, .. } = job;
            format!("{section}: {title}\n  {}\n{what}\n{}", step.command, place.logs())
        };
        if !step.is_background() {
            place.attempt(step).map_err(told)?;
            continue;
        }
        let group = place.start(step, number);
        let id = group.0.id();
        running.push(group);
        if step.who == Actor::Ours {
            place.ours = Some(id);
            place
                .wait_until_it_listens(step, number)
                .map_err(|what| format!("{}: {what}", job.title))?;
        }
    }
    Ok(())
}

/// The ports that are tried: of five digits, and below those that the kernel gives to clients and to port 0, so that
/// nothing takes one before its server does.
const TRIED: std::ops::Range<u16> = 11_000..31_000;

/// Free ports of every address, which no other run of this process gets.
pub(crate) fn free_ports() -> Vec<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (first, count) = (std::process::id().wrapping_mul(251), u32::from(TRIED.end - TRIED.start));
    let next = || {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        TRIED.start + u16::try_from(number).expect("it is below the count")
    };
    let is_free = |port: &u16| {
        TcpListener::bind(("127.0.0.1", *port)).is_ok() && TcpListener::bind(("::", *port)).is_ok()
    };
    (0..count).map(|_| next()).filter(is_free).take(PORTS).collect()
}

impl Place {
    /// A shell for a command; `exec` makes the shell's process that of the program.
    fn shell(&self, script: &str) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_ropewalk")).parent().expect("a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}:/usr/sbin:/usr/lib/systemd", built.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).env("PATH", path).env("D", self.directory.path());
        shell.current_dir(self.directory.path()).stdin(Stdio::null());
        for (number, port) in (1..).zip(&self.ports) {
            shell.env(format!("P{number}"), port.to_string());
        }
        if let Some(ours) = self.ours {
            shell.env("OURS", ours.to_string());
        }
        shell
    }

    fn start(&self, step: &Step, number: usize) -> Group {
        let command = step.command.trim_end_matches('&').trim_end();
        let (out, err) = match step.who {
            Actor::Ours => (format!("ours.{number}.out"), "ours.err".into()),
            Actor::Peer | Actor::Client => {
                (format!("peer.{number}.out"), format!("peer.{number}.err"))
            }
        };
        let file = |name: &str| File::create(self.directory.path().join(name)).expect("a file");
        // The process of the command is then that of the shell, which signals go to.
        let exec = if step.who == Actor::Ours { "exec " } else { "" };
        let mut shell = self.shell(&format!("{exec}{command}"));
        Group::start(shell.stdout(file(&out)).stderr(file(&err)))
    }

    /// Waits for the first line of a server; all of its ports are open then.
    fn wait_until_it_listens(&self, step: &Step, number: usize) -> Result<(), String> {
        let is_server =
            ["ropewalk relay", "ropewalk serve"].iter().any(|it| step.command.starts_with(it));
        let deadline = Instant::now() + LIMIT;
        while is_server && !self.read(&format!("ours.{number}.out")).contains("listening ") {
            if Instant::now() > deadline {
                return Err(format!("{} does not listen\n{}", step.command, self.logs()));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Runs a command that ends, again and again until it sees what it should.
    fn attempt(&self, step: &Step) -> Result<(), String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (code, output) = self.run_once(step);
            let is_right =
                code == Some(step.code) && step.sees.iter().all(|it| output.contains(it));
            if is_right {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "  ended with {code:?}, expected {} and {:?}:\n{output}",
                    step.code, step.sees
                ));
            }
            thread::sleep(PAUSE);
        }
    }

    fn run_once(&self, step: &Step) -> (Option<i32>, String) {
        let path = self.directory.path().join("client.out");
        let output = File::create(&path).expect("a file");
        let both = output.try_clone().expect("a descriptor");
        let mut shell = self.shell(&step.command);
        let mut group = Group::start(shell.stdout(output).stderr(both));
        let deadline = Instant::now() + ATTEMPT;
        let code = loop {
            match group.0.try_wait().expect("a child") {
                Some(status) => break status.code(),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        (code, self.read("client.out"))
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.directory.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn logs(&self) -> String {
        format!("  ours said: {}", self.read("ours.err"))
    }
}
