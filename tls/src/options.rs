//! The options of TLS connections, and the context that those of one factory share.
//!
//! Invariant: of a context only the pool of buffers and the running handshakes change.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interfaces::ReactorTime;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::buffers::Buffers;
use crate::handshakes::Handshakes;

/// The limits of TLS connections.
///
/// ```
/// # use ropewalk_tls as tls;
/// use std::time::Duration;
/// use tls::TlsOptions;
///
/// let options = TlsOptions::default().with_handshake_timeout(Duration::from_secs(3));
/// assert_eq!(options.close_timeout, Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// How long the handshake may take in all, from `connection_made` on; then the connection is
    /// aborted with [`Deadline::Handshake`](interfaces::Deadline::Handshake). Default 10 s.
    pub handshake_timeout: Duration,
    /// How long a connection that is over awaits the peer's `close_notify` after its own, and how
    /// long a failed one tries to send its alert. Default 5 s. With
    /// zero it does not wait, at the risk that the close destroys the bytes sent last.
    pub close_timeout: Duration,
    /// How many handshakes of one factory may run at a time; one is the least. When another begins, the oldest
    /// is aborted with [`TlsError::TooManyHandshakes`](crate::TlsError::TooManyHandshakes), so accepting never
    /// waits for peers that are slow. Default 10,000.
    pub handshakes_max: usize,
    /// The meaning of an end of the stream below that no `close_notify` came before. Default
    /// [`BareEnd::Truncated`].
    pub bare_end: BareEnd,
}

/// The meaning of an end of file that no `close_notify` came before (RFC 8446 section 6.1): the peer may have
/// ended, or an attacker on the way may have cut its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BareEnd {
    /// The stream was cut: [`Reason::Truncated`](interfaces::Reason::Truncated).
    #[default]
    Truncated,
    /// The peer ended, as if `close_notify` had come: for protocols whose messages say themselves where they
    /// end, with peers that send none. An end inside a record is still `Truncated`, and one inside the
    /// handshake a [`TlsError`](crate::TlsError). OpenSSL's `SSL_OP_IGNORE_UNEXPECTED_EOF`.
    Lenient,
}

impl TlsOptions {
    /// With another [`handshake_timeout`](Self::handshake_timeout).
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// With another [`handshakes_max`](Self::handshakes_max).
    #[must_use]
    pub fn with_handshakes_max(mut self, count: usize) -> Self {
        self.handshakes_max = count;
        self
    }

    /// With another [`bare_end`](Self::bare_end).
    #[must_use]
    pub fn with_bare_end(mut self, bare_end: BareEnd) -> Self {
        self.bare_end = bare_end;
        self
    }

    /// With another [`close_timeout`](Self::close_timeout).
    #[must_use]
    pub fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            handshakes_max: 10_000,
            bare_end: BareEnd::Truncated,
        }
    }
}

/// The configuration, limits, clock and buffers that the connections of one factory share.
pub(crate) struct FactoryContext {
    pub(crate) role: Role,
    pub(crate) options: TlsOptions,
    pub(crate) time: Rc<dyn ReactorTime>,
    pub(crate) buffers: Buffers,
    pub(crate) handshakes: Rc<Handshakes>,
}

impl FactoryContext {
    pub(crate) fn new(role: Role, options: TlsOptions, time: Rc<dyn ReactorTime>) -> Self {
        let (buffers, handshakes) = Default::default();
        Self { role, options, time, buffers, handshakes }
    }
}

/// The side of the handshake, with its configuration.
pub(crate) enum Role {
    Server(Arc<ServerConfig>),
    Client(Arc<ClientConfig>, ServerName<'static>),
}

impl Role {
    /// Whether both are the same side with the same configuration, not one that is equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Server(one), Self::Server(other)) => Arc::ptr_eq(one, other),
            (Self::Client(one, name), Self::Client(other, other_name)) => {
                Arc::ptr_eq(one, other) && name == other_name
            }
            (Self::Server(_), Self::Client(..)) | (Self::Client(..), Self::Server(_)) => false,
        }
    }
}
