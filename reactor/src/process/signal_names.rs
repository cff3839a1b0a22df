//! The signals by their names (signal(7)).
//!
//! Invariant: a name stands for one number, that of the platform.

use interfaces::{Signal, SignalError};

const NAMES: [(&str, i32); 34] = [
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
    ("CLD", libc::SIGCHLD),
    ("POLL", libc::SIGPOLL),
    ("PWR", libc::SIGPWR),
    ("STKFLT", libc::SIGSTKFLT),
];

/// The number of a signal.
pub(super) fn number(signal: &Signal) -> Result<i32, SignalError> {
    let name = match signal {
        Signal::Number(number) => return Ok(*number),
        Signal::Name(name) => name,
    };
    let plain = name.strip_prefix("SIG").unwrap_or(name);
    let found = NAMES.iter().find(|(known, _)| *known == plain).map(|(_, number)| *number);
    let number = found.or_else(|| real_time_number(plain));
    number.ok_or_else(|| SignalError::UnknownName { name: name.clone() })
}

/// The number of a real-time signal (signal(7)): `RTMIN`, `RTMIN+1`, `RTMAX-1`, `RTMAX`.
fn real_time_number(plain: &str) -> Option<i32> {
    let (least, most) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let number = match plain {
        "RTMIN" => least,
        "RTMAX" => most,
        _ => match plain.strip_prefix("RTMIN+") {
            Some(above) => least + distance(above)?,
            None => most - distance(plain.strip_prefix("RTMAX-")?)?,
        },
    };
    (least..=most).contains(&number).then_some(number)
}

/// One or two digits.
fn distance(digits: &str) -> Option<i32> {
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits && digits.len() <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_found_by_its_number_and_by_its_name_with_or_without_sig() {
        assert_eq!(number(&Signal::from(15)), Ok(15));
        assert_eq!(number(&Signal::from("TERM")), Ok(libc::SIGTERM));
        assert_eq!(number(&Signal::from("SIGTERM")), Ok(libc::SIGTERM));
        // As many as `kill -l` knows, and the older names of some.
        for real in 1..=libc::SIGSYS {
            assert!(NAMES.iter().any(|(_, known)| *known == real), "signal {real} has no name");
        }
        assert_eq!(number(&Signal::from("CLD")), Ok(libc::SIGCHLD));
        let unknown = number(&Signal::from("SIGNAL\n")).expect_err("no signal has this name");
        let words = r"cannot send the signal `SIGNAL\n`: no signal has this name";
        assert_eq!(unknown.to_string(), words);
    }

    #[test]
    fn a_real_time_signal_is_named_by_its_distance_from_the_first_or_the_last() {
        let (least, most) = (libc::SIGRTMIN(), libc::SIGRTMAX());
        let all = most - least;
        for (name, known) in [
            ("RTMIN".into(), least),
            ("SIGRTMIN+1".into(), least + 1),
            (format!("RTMIN+{all}"), most),
            (format!("SIGRTMAX-{all}"), least),
            ("RTMAX-1".into(), most - 1),
            ("SIGRTMAX".into(), most),
        ] {
            assert_eq!(number(&Signal::from(&*name)), Ok(known), "{name}");
        }
        for name in [
            "RTMIN+",
            "RTMIN-1",
            "RTMIN++1",
            "RTMIN+-1",
            "RTMIN+ 1",
            "RTMIN+31",
            "RTMIN+001",
            "RTMIN+99999999999",
            "RTMAX+1",
            "RTMAX-31",
            "RTMAX-",
            "RT",
            "rtmin",
            "SIGSIGTERM",
        ] {
            let unknown = SignalError::UnknownName { name: name.into() };
            assert_eq!(number(&Signal::from(name)), Err(unknown));
        }
    }
}
