//! [`TlsError`]: the failures of a TLS stream that `rustls::Error` does not have.
//!
//! Invariant: bytes of the peer are shown escaped.

/// Why a TLS session failed. It is the cause within [`Reason::Tls`](interfaces::Reason::Tls).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The first bytes are not a TLS record: a plain HTTP request, another protocol, garbage.
    #[error("the peer does not speak tls: it began with \"{}\"", .began_with.escape_ascii())]
    NotTls {
        /// The first line of the bytes that arrived together, at most 40 of them.
        began_with: Vec<u8>,
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
    /// The peer sent `close_notify` while the handshake was still running.
    #[error("the peer ended the tls session in the middle of the handshake")]
    EndedInHandshake,
    /// The peer's handshake messages need more memory than is allowed.
    #[error("the peer's tls handshake needs more than {limit} bytes at a time")]
    HandshakeTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection may not encrypt more under its keys (RFC 8446 section 5.5).
    #[error("the keys of the tls session are used up")]
    KeysUsedUp,
    /// The session neither takes nor makes bytes, which would loop for ever.
    #[error("the tls session makes no progress")]
    NoProgress,
}
