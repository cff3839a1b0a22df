//! The statuses of sysexits.h; Twisted's `ExitStatus`.
//!
//! Invariant: a status is eight bits, as a parent process sees it.

use std::process::ExitCode;

/// The status that a process ends with: one of sysexits.h, or a number of the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(u8);

impl ExitStatus {
    /// It did what it was to do.
    pub const OK: Self = Self(0);
    /// The command was used wrongly.
    pub const USAGE: Self = Self(64);
    /// The input is wrong.
    pub const DATAERR: Self = Self(65);
    /// An input file cannot be read.
    pub const NOINPUT: Self = Self(66);
    /// There is no such user.
    pub const NOUSER: Self = Self(67);
    /// There is no such host.
    pub const NOHOST: Self = Self(68);
    /// A service is not available, such as a port that cannot be opened.
    pub const UNAVAILABLE: Self = Self(69);
    /// The program is wrong.
    pub const SOFTWARE: Self = Self(70);
    /// The operating system failed.
    pub const OSERR: Self = Self(71);
    /// A file of the system is missing or wrong.
    pub const OSFILE: Self = Self(72);
    /// An output file cannot be made.
    pub const CANTCREAT: Self = Self(73);
    /// Reading or writing failed.
    pub const IOERR: Self = Self(74);
    /// It may work later.
    pub const TEMPFAIL: Self = Self(75);
    /// The other side broke a protocol.
    pub const PROTOCOL: Self = Self(76);
    /// It is not permitted.
    pub const NOPERM: Self = Self(77);
    /// The configuration is wrong.
    pub const CONFIG: Self = Self(78);

    /// A status of the program's own.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.0)
    }
}
