//! The address families of inherited sockets; the `domain` of Twisted's `systemd:` string.
//!
//! Invariant: the text is the family's name in `<sys/socket.h>` without `AF_`.

use core::ffi::c_int;
use core::fmt;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Domain {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
    /// UNIX sockets.
    Unix,
}

impl Domain {
    const ALL: [Self; 3] = [Self::Inet, Self::Inet6, Self::Unix];

    /// The family with this name: `INET`, `INET6` or `UNIX`, in capitals as in Twisted.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inet => "INET",
            Self::Inet6 => "INET6",
            Self::Unix => "UNIX",
        }
    }

    /// The family with this number, if it is one of ours.
    pub(crate) fn from_family(family: c_int) -> Option<Self> {
        match family {
            libc::AF_INET => Some(Self::Inet),
            libc::AF_INET6 => Some(Self::Inet6),
            libc::AF_UNIX => Some(Self::Unix),
            _ => None,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
