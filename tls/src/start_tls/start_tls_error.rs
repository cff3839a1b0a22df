//! [`StartTlsError`]: why TLS was not started on a connection.
//!
//! Invariant: where one is returned, nothing was changed.

/// Why TLS was not started on a connection, which goes on as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StartTlsError {
    /// No layer of the connection can start TLS.
    #[error(
        "cannot start tls on this connection: its factory was not wrapped by wrap_start_tls, or its \
         endpoint by StartTlsEndpoint"
    )]
    NotWrapped,
    /// TLS was started before.
    #[error("cannot start tls on this connection: it was started before")]
    AlreadyStarted,
    /// The connection is not made, is closing, or has ended, in one direction or in both.
    #[error("cannot start tls on this connection: it is not open in both directions")]
    NotOpen,
    /// rustls does not take the configuration.
    #[error("cannot start tls with this configuration")]
    Configuration {
        /// The error of rustls.
        #[source]
        source: rustls::Error,
    },
}
