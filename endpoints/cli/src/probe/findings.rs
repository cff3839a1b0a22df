//! What a probe found; its JSON is documented in `ropewalk probe --help`.
//!
//! Invariant: the fields are in the order of the JSON, and times are seconds from the beginning.

use serde::Serialize;

/// One probe.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Findings {
    /// Whether the connection stood, and TLS if there is any.
    pub(crate) ok: bool,
    pub(crate) endpoint: String,
    pub(crate) layers: Vec<String>,
    pub(crate) look_ups: Vec<LookUp>,
    pub(crate) attempts: Vec<Attempt>,
    /// The address that was connected to.
    pub(crate) peer: Option<String>,
    pub(crate) tls: Option<TlsFindings>,
    /// The whole time.
    pub(crate) seconds: f64,
    pub(crate) error: Option<String>,
}

/// The look-up of a name.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LookUp {
    pub(crate) name: String,
    pub(crate) at: f64,
    pub(crate) seconds: f64,
    pub(crate) addresses: Vec<String>,
    pub(crate) error: Option<String>,
}

/// One attempt to connect.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Attempt {
    pub(crate) address: String,
    pub(crate) at: f64,
    pub(crate) seconds: f64,
    pub(crate) connected: bool,
    pub(crate) error: Option<String>,
}

/// What a handshake came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TlsFindings {
    pub(crate) version: Option<String>,
    pub(crate) cipher_suite: Option<String>,
    pub(crate) alpn: Option<String>,
    /// The time that the handshake took.
    pub(crate) seconds: f64,
    /// The server's certificates, its own first.
    pub(crate) chain: Vec<ChainLink>,
}

/// One certificate.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ChainLink {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// Its DNS names and addresses.
    pub(crate) names: Vec<String>,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}
