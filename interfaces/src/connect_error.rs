//! The errors of connecting; Twisted's `ConnectError` family.
//!
//! Invariant: every variant names its target.

use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use deferred::Failure;

use crate::listen_error::device_hint;
use crate::{Address, OsError, printable};

/// Why connecting failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The system or the peer refused; its reason is the source.
    #[error("cannot connect to {address}")]
    Refused {
        /// The target.
        address: Address,
        /// The system call's answer: `ECONNREFUSED`, `ENETUNREACH`, `ENOENT`…
        #[source]
        source: OsError,
    },
    /// No answer came in time.
    #[error("cannot connect to {address}: no answer within {after:?}")]
    TimedOut {
        /// The target.
        address: Address,
        /// The time limit.
        after: Duration,
    },
    /// The local address to connect from cannot be used.
    #[error("cannot connect to {address} from {bind_address}")]
    Bind {
        /// The target.
        address: Address,
        /// The local address.
        bind_address: Address,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// The network device to connect over cannot be used.
    #[error("cannot connect to {address} over the network device {}{}", printable(&**.device), device_hint(*.source))]
    Device {
        /// The target.
        address: Address,
        /// The device.
        device: Rc<str>,
        /// The system call's answer: `ENODEV` where there is none of that name, `EPERM` where it takes
        /// `CAP_NET_RAW`.
        #[source]
        source: OsError,
    },
    /// A UNIX path or abstract name has more bytes than the system's address structure.
    #[error("cannot connect to {address}: the name has {length} bytes, and the limit is {limit}")]
    NameTooLong {
        /// The target.
        address: Address,
        /// The name's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// No server holds the lock file beside the UNIX path, though that was asked to be checked.
    /// Twisted's `BadFileError` of `checkPID`.
    #[error("cannot connect to {address}: no server that is alive holds its lock file")]
    #[doc(alias = "BadFileError")]
    NotLocked {
        /// The target.
        address: Address,
    },
    /// The connection was made, but the factory built no protocol. Twisted's `NoProtocol`.
    #[error("connected to {address}, but the factory built no protocol for it")]
    NoProtocol {
        /// The target.
        address: Address,
    },
    /// The connection was made, but ended before `connection_made`.
    #[error("connected to {address}, but the connection ended at once")]
    EndedAtOnce {
        /// The target.
        address: Address,
    },
    /// A host name has addresses, and connecting to each of them failed.
    #[error("cannot connect to {}: {}", printable(.host), listed(.attempts))]
    AllFailed {
        /// The name.
        host: String,
        /// Each address that was tried, with its failure.
        attempts: Vec<FailedAddress>,
    },
}

/// One address of a host name, and why connecting to it failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedAddress {
    /// The address.
    pub address: Address,
    /// The failure.
    pub failure: Failure,
}

impl FailedAddress {
    /// Connecting to `address` failed with `failure`.
    pub fn new(address: Address, failure: Failure) -> Self {
        Self { address, failure }
    }
}

/// Each address's failure with its causes, as `Failure` shows them in one line.
fn listed(attempts: &[FailedAddress]) -> String {
    if attempts.is_empty() {
        return String::from("the name has no address");
    }
    let chains: Vec<String> =
        attempts.iter().map(|attempt| alloc::format!("{:#}", attempt.failure)).collect();
    printable(&chains.join("; ")).to_string()
}
