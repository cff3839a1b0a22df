//! The signals by their names (signal(7)).
//!
//! Invariant: a name stands for one number, that of the platform.

use interfaces::{Signal, SignalError};

const NAMES: [(&str, i32); 30] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("SYS", libc::SIGSYS),
    ("IOT", libc::SIGIOT),
];

/// The number of a signal.
pub(super) fn number(signal: &Signal) -> Result<i32, SignalError> {
    let name = match signal {
        Signal::Number(number) => return Ok(*number),
        Signal::Name(name) => name,
    };
    let plain = name.strip_prefix("SIG").unwrap_or(name);
    let found = NAMES.iter().find(|(known, _)| *known == plain);
    found.map(|(_, number)| *number).ok_or_else(|| SignalError::UnknownName { name: name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_found_by_its_number_and_by_its_name_with_or_without_sig() {
        assert_eq!(number(&Signal::from(15)), Ok(15));
        assert_eq!(number(&Signal::from("TERM")), Ok(libc::SIGTERM));
        assert_eq!(number(&Signal::from("SIGTERM")), Ok(libc::SIGTERM));
        let unknown = number(&Signal::from("SIGNAL\n")).expect_err("no signal has this name");
        let words = r"cannot send the signal `SIGNAL\n`: no signal has this name";
        assert_eq!(unknown.to_string(), words);
    }
}
