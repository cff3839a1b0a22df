//! Services by their names: SRV records (RFC 2782). With the feature `std`.
//!
//! `selection` puts the records in the order in which they are tried, `endpoint` tries them, `dns` asks the
//! name servers, and `strings` reads the strings of kind `srv`. Twisted's `SRVConnector` of `names`.
//! Invariant: a service is looked up anew for each connect.

mod dns;
mod endpoint;
mod random;
mod selection;
mod strings;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use deferred::Deferred;
use interfaces::printable;

pub use self::dns::{DnsServers, DnsServiceResolver};
pub use self::endpoint::SrvClientEndpoint;
pub use self::strings::SrvClientParser;
pub(crate) use self::strings::SrvContext;

/// The ability to look services up. [`DnsServiceResolver`] asks name servers; tests and other registries of
/// services implement it too. The system's getaddrinfo(3) has no such look-up.
pub trait ServiceResolver {
    /// The records of a service, as `_imaps._tcp.example.com`, in any order; not empty. Cancelling ends the
    /// wait for them. [`SrvClientEndpoint`] calls it once for each connect.
    ///
    /// # Errors
    ///
    /// Fails with [`ServiceError`].
    fn resolve_service(&self, service: &str) -> Deferred<Vec<ServiceRecord>>;
}

/// One place where a service is offered (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceRecord {
    /// The least is tried first.
    pub priority: u16,
    /// Its share among those of its priority.
    pub weight: u16,
    /// The TCP port.
    pub port: u16,
    /// The host's name, without a dot at the end; empty says that the service is not offered.
    pub target: String,
}

impl ServiceRecord {
    /// A record of priority 0 and weight 0.
    pub fn new(target: impl Into<String>, port: u16) -> Self {
        Self { priority: 0, weight: 0, port, target: target.into() }
    }

    /// With another [`priority`](Self::priority) and [`weight`](Self::weight).
    #[must_use]
    pub fn with_rank(self, priority: u16, weight: u16) -> Self {
        Self { priority, weight, ..self }
    }
}

/// Why a service has no place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no such name, or it has no SRV record.
    #[error("cannot find the service {}: there is no SRV record of that name", printable(.service))]
    NotFound {
        /// The service.
        service: String,
    },
    /// Its one record says that the service is not offered there.
    #[error("cannot connect to the service {}: its domain says that it does not offer it", printable(.service))]
    NotOffered {
        /// The service.
        service: String,
    },
    /// The name servers have failed; the reason is the last one's.
    #[error("cannot find the service {}: {}", printable(.service), printable(.reason))]
    Failed {
        /// The service.
        service: String,
        /// What went wrong, as a sentence.
        reason: String,
    },
    /// No name server has answered.
    #[error("cannot find the service {}: no name server answered within {after:?}", printable(.service))]
    TimedOut {
        /// The service.
        service: String,
        /// The time limit of each question.
        after: Duration,
    },
}
