//! [`LookUpSys`]: the addresses of host names.
//!
//! Invariant: a system that has to wait for an answer gives the waiting away, as work for another thread.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use interfaces::AddressFamily;

use super::Sys;

/// The addresses of a name, or the reason why there are none.
pub type LookUpResult = Result<Vec<SocketAddr>, String>;

/// A system that knows the addresses of host names.
pub trait LookUpSys: Sys {
    /// Begins to look a name up (getaddrinfo(3)).
    fn look_up(&self, host: &str, port: u16, family: AddressFamily) -> LookUp;
}

/// How an answer is come by.
pub enum LookUp {
    /// By work that waits, for another thread.
    Work {
        /// The work.
        work: Box<dyn FnOnce() -> LookUpResult + Send>,
        /// Whether the work asks no name server: of an address, and of a name of the hosts file. It reads
        /// files, so it is for another thread, too.
        is_short: Box<dyn FnOnce() -> bool + Send>,
    },
    /// By waiting for this time.
    After(Duration, LookUpResult),
}

impl fmt::Debug for LookUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work { .. } => f.write_str("Work"),
            Self::After(time, result) => write!(f, "After({time:?}, {result:?})"),
        }
    }
}
