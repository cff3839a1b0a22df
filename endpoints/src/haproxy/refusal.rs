//! [`ProxyRefusal`]: why a connection ended before it had a protocol.
//!
//! Invariant: a connection without a byte, and one with a whole header, are no refusals.

use super::InvalidProxyHeader;

/// Why a connection to a port with PROXY headers was closed before it had a protocol. The observer of the
/// port is called with it, once for each such connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyRefusal {
    /// The peer is none of the trusted proxies.
    #[error("it is none of the trusted proxies")]
    Untrusted,
    /// Its first bytes are no header.
    #[error("it sent no PROXY header")]
    Invalid(#[source] InvalidProxyHeader),
    /// Its header was not whole when its time was over.
    #[error("its PROXY header was not complete in time")]
    TimedOut,
    /// The connection ended in the middle of the header.
    #[error("it ended the connection in the middle of its PROXY header")]
    Ended,
}
