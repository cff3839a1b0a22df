//! Why nothing could be listened on; Twisted's `CannotListenError`.
//!
//! Invariant: every variant names what was to be listened on.

use alloc::string::String;

use crate::{Address, OsError, printable};

/// Why listening failed. Nothing is left behind by a listen that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The system refused; its reason is the source, and `hint` says what would help, where one
    /// cause is likely.
    #[error("cannot listen on {address}{}", hinted(.hint))]
    Refused {
        /// What was to be listened on.
        address: Address,
        /// The system call's answer.
        #[source]
        source: OsError,
        /// What is probably wrong and what to do, or `""`.
        hint: &'static str,
    },
    /// A UNIX path is held by a server that lives.
    #[error("cannot listen on {address}: a server that is alive listens there")]
    InUse {
        /// What was to be listened on.
        address: Address,
    },
    /// A UNIX path holds something that is not a socket, and so is not removed.
    #[error("cannot listen on {address}: a file that is not a socket is in the way")]
    NotASocket {
        /// What was to be listened on.
        address: Address,
    },
    /// A UNIX path or abstract name has more bytes than the system's address structure.
    #[error("cannot listen on {address}: the name has {length} bytes, and the limit is {limit}")]
    NameTooLong {
        /// What was to be listened on.
        address: Address,
        /// The name's length in bytes.
        length: usize,
        /// The most there can be.
        limit: usize,
    },
    /// A descriptor that was handed over cannot be listened on.
    #[error("cannot listen on the descriptor that was handed over: {}", printable(.reason))]
    Unsuitable {
        /// What it is, and what it would have to be.
        reason: String,
    },
}

fn hinted(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { alloc::format!(" ({hint})") }
}
