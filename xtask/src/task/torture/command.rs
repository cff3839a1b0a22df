//! Faults of the command itself, by strace(1): one system call of a running `ropewalk` fails.
//!
//! Invariant: each point is a process of its own, which is ended when its point is over.

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::call::SystemCall;
use super::traced::{Conversed, Started, Traced, converse};
use crate::task::soak::{Profile, build};
use crate::task::{note, print};

/// How long an end of the process may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many conversations meet the fault, one after the other.
const CONVERSATIONS: usize = 3;

/// Up to the how manyth call of its kind fails.
const WHEN_MAX: usize = 6;

/// The errors of calls that make a descriptor, and of those that only need memory.
const NO_DESCRIPTOR: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOMEM];
const NO_MEMORY: &[i32] = &[libc::ENOBUFS, libc::ENOMEM];

/// The system calls, and where their errors are listed.
const CALLS: [(&str, &[i32]); 14] = [
    ("socket", SystemCall::ListenTcp.errors()),
    ("bind", SystemCall::ListenTcp.errors()),
    ("listen", SystemCall::ListenTcp.errors()),
    ("setsockopt", NO_MEMORY),
    ("getsockopt", SystemCall::TakeError.errors()),
    ("getsockname", NO_MEMORY),
    ("epoll_ctl", SystemCall::Register.errors()),
    ("epoll_create1", NO_DESCRIPTOR),
    ("eventfd2", NO_DESCRIPTOR),
    ("accept4", SystemCall::Accept.errors()),
    ("connect", SystemCall::ConnectTcp.errors()),
    ("recvfrom", SystemCall::Read.errors()),
    // Without EPIPE: of a call that sends nothing it is the answer that the peer is gone.
    ("sendto", SystemCall::WriteNothing.errors()),
    ("shutdown", SystemCall::Shutdown.errors()),
];

/// What runs.
#[derive(Clone, Copy, Debug)]
enum TracedServer {
    Tcp,
    Relay,
    Inherited,
}

/// One point.
#[derive(Clone, Copy, Debug)]
struct Point {
    served: TracedServer,
    call: &'static str,
    error: i32,
    when: usize,
}

/// Runs this many points, evenly taken from all; returns how many findings there are.
pub(super) fn torture(points: usize) -> Result<usize, Box<dyn Error>> {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        note("cargo xtask torture: skipped, as strace is not installed\n");
        return Ok(0);
    }
    let ropewalk = build(Profile::Dev)?;
    let all = all_points();
    let step = (all.len() / points.max(1)).max(1);
    let (mut run, mut refused, mut findings) = (0, 0, 0);
    for point in all.iter().step_by(step).take(points) {
        run += 1;
        match try_point(&ropewalk, *point) {
            Ok(Started::Served) => {}
            Ok(Started::Refused) => refused += 1,
            Err(finding) => {
                findings += 1;
                let error = std::io::Error::from_raw_os_error(point.error);
                note(&format!("{point:?} ({error}): {finding}\n"));
            }
        }
    }
    print(&format!(
        "the command, by strace: {run} of {} points, {refused} of them refused at the start, {findings} findings\n",
        all.len()
    ))?;
    Ok(findings)
}

fn all_points() -> Vec<Point> {
    let mut points = Vec::new();
    for served in [TracedServer::Tcp, TracedServer::Relay, TracedServer::Inherited] {
        for (call, listed) in CALLS {
            for &error in listed {
                points.extend((1..=WHEN_MAX).map(|when| Point { served, call, error, when }));
            }
        }
    }
    points
}

/// Starts the command under its fault, and talks with it until the fault is over.
fn try_point(ropewalk: &Path, point: Point) -> Result<Started, String> {
    let far = far_echo(point.served).map_err(|error| error.to_string())?;
    let mut traced = start(ropewalk, point, far.as_ref()).map_err(|error| error.to_string())?;
    let Some(address) = traced.address(PATIENCE) else {
        let status = traced.wait(PATIENCE).ok_or("it neither listens nor ends")?;
        return refused(status, &traced.errors());
    };
    for _ in 0..CONVERSATIONS {
        if let Conversed::Wrong(what) = converse(address) {
            return Err(what);
        }
    }
    // One call failed, at the most, and it is over.
    let begun = Instant::now();
    while converse(address) != Conversed::Whole {
        if begun.elapsed() > PATIENCE {
            return Err(format!("it serves no more: {}", traced.errors()));
        }
    }
    traced.terminate();
    let status = traced.wait(PATIENCE).ok_or("SIGTERM does not end it")?;
    let errors = traced.errors();
    match (status.code(), errors.contains("panicked")) {
        (Some(0), false) => Ok(Started::Served),
        _ => Err(format!("it ends with {status}: {errors}")),
    }
}

/// A command that cannot start says so, with an exit code of its own.
fn refused(status: ExitStatus, errors: &str) -> Result<Started, String> {
    let is_told = errors.lines().any(|line| line.starts_with("error: "));
    match status.code() {
        Some(64 | 69 | 77) if is_told && !errors.contains("panicked") => Ok(Started::Refused),
        _ => Err(format!("it ends at its start with {status}: {errors}")),
    }
}

/// Behind a relay: what sends everything back.
fn far_echo(served: TracedServer) -> std::io::Result<Option<std::net::SocketAddr>> {
    if !matches!(served, TracedServer::Relay) {
        return Ok(None);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo(stream));
        }
    });
    Ok(Some(address))
}

fn echo(stream: TcpStream) {
    let Ok(mut back) = stream.try_clone() else { return };
    let _ = stream.set_read_timeout(Some(PATIENCE));
    // A broken connection is closed with what is unread, which tells the relay.
    let _ = std::io::copy(&mut &stream, &mut back);
}

fn start(
    ropewalk: &Path,
    point: Point,
    far: Option<&std::net::SocketAddr>,
) -> Result<Traced, Box<dyn Error>> {
    let Point { served, call, error, when } = point;
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]).arg("-e").arg(format!("trace={call}"));
    command.arg("-e").arg(format!("inject={call}:error={error}:when={when}"));
    let near = "tcp:0:interface=127.0.0.1";
    // The shell tells its process id, which becomes the command's.
    let (script, arguments): (&str, Vec<String>) = match served {
        TracedServer::Tcp => {
            (r#"echo $$; exec "$@""#, vec!["serve".into(), "echo".into(), near.into()])
        }
        TracedServer::Relay => {
            let far = far.ok_or("there is no far end")?;
            (r#"echo $$; exec "$@""#, vec!["relay".into(), near.into(), format!("tcp:{far}")])
        }
        TracedServer::Inherited => (
            r#"echo $$; exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@""#,
            vec!["serve".into(), "echo".into(), "systemd:index=0".into()],
        ),
    };
    command.args(["sh", "-c", script, "sh"]).arg(ropewalk).args(arguments);
    command.stdin(Stdio::null());
    if matches!(served, TracedServer::Inherited) {
        command.stdin(Stdio::from(OwnedFd::from(TcpListener::bind("127.0.0.1:0")?)));
    }
    Ok(Traced::start(command)?)
}
