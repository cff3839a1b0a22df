//! The end of another run of the program, by its pid file; Twisted's `Runner.killIfRequested`.
//!
//! Invariant: a signal is sent only to a process that a valid file names.

use crate::{Exit, ExitStatus, PidFile, PidFileError, SendSignal};

/// The number of SIGTERM, the same on every system.
pub(crate) const SIGTERM: i32 = 15;

/// Sends SIGTERM to the process of the file.
pub(crate) fn kill(pid_file: Option<&PidFile>, signals: &dyn SendSignal) -> Exit {
    let Some(pid_file) = pid_file else {
        return Exit::new(ExitStatus::USAGE).with_message("No PID file specified.");
    };
    let process = match pid_file.read() {
        Ok(process) => process,
        Err(PidFileError::Invalid { .. }) => {
            return Exit::new(ExitStatus::DATAERR).with_message("Invalid PID file.");
        }
        Err(_) => return Exit::new(ExitStatus::IOERR).with_message("Unable to read PID file."),
    };
    match signals.send_signal(process, Some(SIGTERM)) {
        Ok(()) => Exit::new(ExitStatus::OK),
        Err(error) => {
            let message = format!("Unable to terminate process {process}: {error}");
            Exit::new(ExitStatus::OSERR).with_message(message)
        }
    }
}
