//! [`ProxyServerOptions`]: which headers a port accepts.
//!
//! Invariant: the defaults believe this machine alone.

use core::time::Duration;

use super::{HEADER_BYTES_MAX, TrustedProxies};

/// The time that a header has.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Which headers a port accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyServerOptions {
    /// The peers whose headers are believed; any other is turned away. Default: this machine.
    pub trust: TrustedProxies,
    /// How long after the accept the header has to be whole. Default 5 s; the specification wants at
    /// least 3 s (section 2).
    pub timeout: Duration,
    /// The most bytes behind the first 16 of version 2. Default 4096.
    pub header_bytes_max: usize,
}

impl ProxyServerOptions {
    /// With other trusted proxies.
    #[must_use]
    pub fn with_trust(self, trust: TrustedProxies) -> Self {
        Self { trust, ..self }
    }

    /// With another time limit.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// With another limit on the bytes of a header.
    #[must_use]
    pub fn with_header_bytes_max(self, header_bytes_max: usize) -> Self {
        Self { header_bytes_max, ..self }
    }
}

impl Default for ProxyServerOptions {
    fn default() -> Self {
        Self {
            trust: TrustedProxies::default(),
            timeout: TIMEOUT,
            header_bytes_max: HEADER_BYTES_MAX,
        }
    }
}
