//! Why a connection gives no keying material.
//!
//! Invariant: each error says what to change, where something can be.

/// The error of [`TlsTransport::export_keying_material`](crate::TlsTransport::export_keying_material).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportKeyingMaterialError {
    /// This transport's TLS has no exporter.
    #[error("this transport exports no keying material")]
    Unsupported,
    /// The handshake is not done, so the peer is not known yet.
    #[error(
        "keying material can be exported once the tls handshake is done: ask in `handshake_completed` or later"
    )]
    InHandshake,
    /// The session is over, and its secrets are dropped.
    #[error(
        "the tls session is over, and its secrets are dropped: export keying material while it lasts"
    )]
    Ended,
    /// TLS 1.2, whose exporter is bound to the handshake by an extension only (RFC 7627), and is not offered.
    #[error(
        "keying material can be exported from TLS 1.3 only, and this session is an older one: set the least version to 1.3"
    )]
    OldVersion,
    /// The configuration of this side does not keep the secret.
    #[error(
        "the configuration does not keep the secret that keying material is made of: make it with `with_exported_keying_material`, or wrap its key log with `keeping_exporter`"
    )]
    NotKept,
    /// The label does not fit into the field for it (RFC 8446 section 7.1).
    #[error("the label of keying material has {length} bytes: expected 1 to {max}")]
    Label {
        /// The length of the label, in bytes.
        length: usize,
        /// The greatest length, in bytes.
        max: usize,
    },
    /// More than the hash function of the cipher suite can be expanded to (RFC 5869 section 2.3), or nothing.
    #[error("{length} bytes of keying material are asked for: expected 1 to {max}")]
    Length {
        /// The length of the output, in bytes.
        length: usize,
        /// The greatest length, in bytes.
        max: usize,
    },
}
