//! What the connections of one TLS factory share: configuration, limits, clock, buffers.
//!
//! Invariant: nothing in it changes but the pool of buffers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interfaces::ReactorTime;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use crate::buffers::Buffers;

/// The time limits of TLS connections.
///
/// ```
/// # use ropewalk_tls as tls;
/// use std::time::Duration;
/// use tls::TlsOptions;
///
/// let options = TlsOptions { handshake_timeout: Duration::from_secs(3), ..TlsOptions::default() };
/// assert_eq!(options.close_timeout, Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// How long the handshake may take in all, from `connection_made` on; then the connection is
    /// aborted with [`Deadline::Handshake`](interfaces::Deadline::Handshake). Default 10 s.
    pub handshake_timeout: Duration,
    /// How long a connection that is over may still exist: so long it waits for the peer's
    /// `close_notify` after its own, and a failed one tries to send its alert. Default 2 s. With
    /// zero it does not wait, at the risk that the close destroys what was just sent.
    pub close_timeout: Duration,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { handshake_timeout: Duration::from_secs(10), close_timeout: Duration::from_secs(2) }
    }
}

/// What the connections of one factory share.
pub(crate) struct FactoryContext {
    pub(crate) role: Role,
    pub(crate) options: TlsOptions,
    pub(crate) time: Rc<dyn ReactorTime>,
    pub(crate) buffers: Buffers,
}

/// Which side of the handshake they are, and how it is configured.
pub(crate) enum Role {
    Server(Arc<ServerConfig>),
    Client(Arc<ClientConfig>, ServerName<'static>),
}
