//! The end of this program: the process becomes another one, and keeps its number.
//!
//! Invariant: the sockets are blocking, as most programs expect them, and stay open across execve(2).

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use protocol::process::which;
use socket2::Socket;

use crate::arguments::Variable;
use crate::exit_code::Exit;
use crate::{log, report};

/// The first descriptor that is handed over (`SD_LISTEN_FDS_START`).
const FIRST: i32 = 3;

/// The wait for the last lines of this program.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The variables of a service manager that started this program, which are not for the next one.
const OF_LISTENING: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"];

/// The sockets that the program is given.
pub(crate) enum Handed {
    /// These sockets, from descriptor 3 on, and their names.
    Listening(Vec<OwnedFd>, Vec<String>),
    /// Descriptor 3, which is there already, of this name.
    InPlace(String),
    /// This socket, as standard input and output.
    Standard(OwnedFd),
    /// Standard input and output, which are the connection already.
    StandardInPlace,
}

/// Checks that the program is there, before a client waits for it.
///
/// # Errors
///
/// The exit code, when no such program can be found; it was reported.
pub(crate) fn check_program(program: &[OsString], variables: &[Variable]) -> Result<(), Exit> {
    let Some(name) = program.first() else { return Ok(()) };
    // It is looked for along the path that it gets.
    let has_own_path = variables.iter().any(|variable| variable.name == *"PATH");
    if has_own_path || !which(name).is_empty() {
        return Ok(());
    }
    let name = name.to_string_lossy();
    report::note(format_args!("error: cannot run {name}: there is no such program in PATH"));
    Err(Exit::Unavailable)
}

/// Becomes the program, and does not return; or reports why not, and ends.
///
/// A failed execve(2) leaves the sockets at the numbers of what this program had open, its poll and its lock
/// files, so nothing can run on here and close those.
pub(crate) fn become_program(program: &[OsString], variables: &[Variable], handed: Handed) -> ! {
    log::flush(LAST_LINES);
    let error = execute(program, variables, handed);
    let name = program.first().map(|it| it.to_string_lossy()).unwrap_or_default();
    report::note(format_args!("error: cannot run {name}: {error}"));
    log::flush(LAST_LINES);
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::NotPermitted,
        _ => Exit::Unavailable,
    };
    std::process::exit(exit.code().into())
}

fn execute(program: &[OsString], variables: &[Variable], handed: Handed) -> io::Error {
    let Some((name, arguments)) = program.split_first() else {
        return io::ErrorKind::InvalidInput.into();
    };
    let mut command = Command::new(name);
    command.args(arguments);
    for name in OF_LISTENING {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|it| (&it.name, &it.value)));
    match prepare(&mut command, handed) {
        Ok(()) => command.exec(),
        Err(error) => error,
    }
}

fn prepare(command: &mut Command, handed: Handed) -> io::Result<()> {
    let mappings = match handed {
        Handed::Listening(sockets, names) => {
            announce(command, &names);
            let sockets = sockets.into_iter().zip(FIRST..);
            sockets.map(|(socket, number)| mapping(socket, number)).collect::<Result<_, _>>()?
        }
        Handed::InPlace(name) => {
            announce(command, &[name]);
            Vec::new()
        }
        Handed::Standard(socket) => vec![mapping(socket.try_clone()?, 0)?, mapping(socket, 1)?],
        Handed::StandardInPlace => Vec::new(),
    };
    command.fd_mappings(mappings).map_err(io::Error::other)?;
    Ok(())
}

/// Says that descriptors are there, to the process that this one will be.
fn announce(command: &mut Command, names: &[String]) {
    command.env("LISTEN_PID", std::process::id().to_string());
    command.env("LISTEN_FDS", names.len().to_string());
    command.env("LISTEN_FDNAMES", names.join(":"));
}

fn mapping(socket: OwnedFd, child_fd: i32) -> io::Result<FdMapping> {
    let socket = Socket::from(socket);
    socket.set_nonblocking(false)?;
    Ok(FdMapping { parent_fd: socket.into(), child_fd })
}
