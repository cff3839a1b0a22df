//! The errors of listening; Twisted's `CannotListenError`.
//!
//! Invariant: every variant names the address, or the descriptor in its place.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use crate::{Address, OsError, printable};

/// Why listening failed. A failed listen leaves no socket and no file behind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The system refused; its reason is the source, and `hint` says what would help, where one
    /// cause is likely.
    #[error("cannot listen on {address}{}", hinted(.hint))]
    Refused {
        /// The address.
        address: Address,
        /// The system call's answer.
        #[source]
        source: OsError,
        /// The probable cause and the remedy, or `""`; of an address in use, what has it.
        hint: Cow<'static, str>,
    },
    /// The network device that was asked for cannot be used.
    #[error("cannot listen on {address} of the network device {}{}", printable(&**.device), device_hint(*.source))]
    Device {
        /// The address.
        address: Address,
        /// The device.
        device: Rc<str>,
        /// The system call's answer: `ENODEV` where there is none of that name, `EPERM` where it takes
        /// `CAP_NET_RAW`.
        #[source]
        source: OsError,
    },
    /// A running server listens on the UNIX path.
    #[error("cannot listen on {address}: a server that is alive listens there{}", owned(*.process))]
    InUse {
        /// The address.
        address: Address,
        /// The server's process, if its socket (`SO_PEERCRED`) or its lock file tells.
        process: Option<u32>,
    },
    /// A UNIX path holds something that is not a socket, and so is not removed.
    #[error("cannot listen on {address}: a file that is not a socket is in the way")]
    NotASocket {
        /// The address.
        address: Address,
    },
    /// A UNIX path or abstract name has more bytes than the system's address structure.
    #[error("cannot listen on {address}: the name has {length} bytes, and the limit is {limit}")]
    NameTooLong {
        /// The address.
        address: Address,
        /// The name's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The file of a UNIX socket was to be given to a user or a group that is not known.
    #[error("cannot listen on {address}: there is no {kind} called {}", printable(&**.name))]
    UnknownOwner {
        /// The address.
        address: Address,
        /// Which of the two.
        kind: OwnerKind,
        /// The name.
        name: Rc<str>,
    },
    /// A descriptor that was handed over cannot be listened on.
    #[error("cannot listen on the descriptor that was handed over: {}", printable(.reason))]
    Unsuitable {
        /// The kind that it has, and the kind that is needed.
        reason: String,
    },
}

/// A user or a group, of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerKind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl fmt::Display for OwnerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

/// What would help where a network device is refused.
pub(crate) fn device_hint(source: OsError) -> &'static str {
    // Linux's numbers; there is no such option elsewhere.
    match source.raw_os_error() {
        1 => " (it takes CAP_NET_RAW)",
        19 => " (there is none of that name)",
        _ => "",
    }
}

fn owned(process: Option<u32>) -> String {
    process.map_or_else(String::new, |number| alloc::format!(" (process {number})"))
}

fn hinted(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { alloc::format!(" ({hint})") }
}
