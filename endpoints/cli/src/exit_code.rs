//! The command's exit codes, from sysexits.h.
//!
//! Invariant: the command returns one of these five.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use deferred::Failure;
use interfaces::OsError;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The work is done, or a signal stopped it.
    Done,
    /// An endpoint or an option is wrong (`EX_USAGE`).
    Usage,
    /// Listening or connecting failed, or the connection broke (`EX_UNAVAILABLE`).
    Unavailable,
    /// The grace was over before every connection had finished (`EX_TEMPFAIL`).
    Cut,
    /// The system does not permit to listen or to connect there (`EX_NOPERM`).
    NotPermitted,
}

impl Exit {
    /// The code for an endpoint that failed.
    pub(crate) fn of(failure: &Failure) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(failure.as_error());
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<OsError>() {
                return Self::of_number(Some(error.raw_os_error()));
            }
            cause = error.source();
        }
        Self::Unavailable
    }

    /// The code for a file that cannot be opened.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        Self::of_number(error.raw_os_error())
    }

    fn of_number(number: Option<i32>) -> Self {
        match number {
            Some(libc::EACCES | libc::EPERM) => Self::NotPermitted,
            Some(_) | None => Self::Unavailable,
        }
    }
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::Cut => 75,
            Self::NotPermitted => 77,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::{ConnectError, UnixAddress};

    fn refused(errno: i32) -> Failure {
        let source = OsError::from_raw_os_error(errno);
        Failure::new(ConnectError::Refused { address: UnixAddress::Unnamed.into(), source })
    }

    #[test]
    fn a_missing_permission_has_a_code_of_its_own() {
        assert_eq!(Exit::of(&refused(libc::EACCES)), Exit::NotPermitted);
        assert_eq!(Exit::of(&refused(libc::EPERM)), Exit::NotPermitted);
        assert_eq!(Exit::of(&refused(libc::ECONNREFUSED)), Exit::Unavailable);
        assert_eq!(Exit::of(&Failure::msg("anything")), Exit::Unavailable);
    }
}
