//! Why no connection came about; Twisted's `ConnectError` family.
//!
//! Invariant: every variant names what was to be connected to.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use deferred::Failure;

use crate::{Address, OsError, printable};

/// Why connecting failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The system or the peer refused; its reason is the source.
    #[error("cannot connect to {address}")]
    Refused {
        /// What was to be connected to.
        address: Address,
        /// The system call's answer: `ECONNREFUSED`, `ENETUNREACH`, `ENOENT`…
        #[source]
        source: OsError,
    },
    /// No answer came in time.
    #[error("cannot connect to {address}: no answer within {after:?}")]
    TimedOut {
        /// What was to be connected to.
        address: Address,
        /// The time that was allowed.
        after: Duration,
    },
    /// The local address to connect from cannot be used.
    #[error("cannot connect to {address} from {bind_address}")]
    Bind {
        /// What was to be connected to.
        address: Address,
        /// What was to be bound first.
        bind_address: Address,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// A UNIX path or abstract name has more bytes than the system's address structure.
    #[error("cannot connect to {address}: the name has {length} bytes, and the limit is {limit}")]
    NameTooLong {
        /// What was to be connected to.
        address: Address,
        /// The name's length in bytes.
        length: usize,
        /// The most there can be.
        limit: usize,
    },
    /// No server holds the lock file beside the UNIX path, though that was asked to be checked.
    /// Twisted's `BadFileError` of `checkPID`.
    #[error("cannot connect to {address}: no server that is alive holds its lock file")]
    NotLocked {
        /// What was to be connected to.
        address: Address,
    },
    /// The connection stood, but the factory built no protocol. Twisted's `NoProtocol`.
    #[error("connected to {address}, but the factory built no protocol for it")]
    NoProtocol {
        /// What was connected to.
        address: Address,
    },
    /// The connection stood, but ended before its protocol could be told.
    #[error("connected to {address}, but the connection ended at once")]
    EndedAtOnce {
        /// What was connected to.
        address: Address,
    },
    /// A host name led to addresses, and none of them answered.
    #[error("cannot connect to {}: {}", printable(.host), listed(.attempts))]
    AllFailed {
        /// The name.
        host: String,
        /// Each address that was tried, and what came of it.
        attempts: Vec<FailedAddress>,
    },
}

/// One address that a host name led to, and why it did not serve.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedAddress {
    /// What was tried.
    pub address: Address,
    /// What came of it.
    pub failure: Failure,
}

impl FailedAddress {
    /// `address` was tried, and `failure` came of it.
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
