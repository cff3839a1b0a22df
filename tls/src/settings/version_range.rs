//! [`VersionRange`]: the versions of TLS that are spoken.
//!
//! Invariant: it holds at least one version, and none below TLS 1.2.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// From a least to a greatest version; by default from TLS 1.2 to TLS 1.3.
///
/// # Examples
///
/// ```
/// use ropewalk_tls::{TlsVersion, VersionRange};
///
/// let range = VersionRange::default().at_most(TlsVersion::Tls12)?;
/// assert_eq!((range.least(), range.greatest()), (TlsVersion::Tls12, TlsVersion::Tls12));
/// assert!(range.at_least(TlsVersion::Tls13).is_err());
/// # Ok::<(), ropewalk_tls::EmptyVersionRange>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    least: TlsVersion,
    greatest: TlsVersion,
}

/// A range that would hold no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no version of tls is at least {least:?} and at most {greatest:?}")]
pub struct EmptyVersionRange {
    /// The least version.
    pub least: TlsVersion,
    /// The greatest version.
    pub greatest: TlsVersion,
}

impl Default for VersionRange {
    fn default() -> Self {
        Self { least: TlsVersion::Tls12, greatest: TlsVersion::Tls13 }
    }
}

impl VersionRange {
    /// Without the versions below `least`; Twisted's `raiseMinimumTo`.
    ///
    /// # Errors
    ///
    /// [`EmptyVersionRange`] where no version is left.
    pub fn at_least(self, least: TlsVersion) -> Result<Self, EmptyVersionRange> {
        Self { least: self.least.max(least), ..self }.checked()
    }

    /// Without the versions above `greatest`; Twisted's `lowerMaximumSecurityTo`.
    ///
    /// # Errors
    ///
    /// [`EmptyVersionRange`] where no version is left.
    pub fn at_most(self, greatest: TlsVersion) -> Result<Self, EmptyVersionRange> {
        Self { greatest: self.greatest.min(greatest), ..self }.checked()
    }

    fn checked(self) -> Result<Self, EmptyVersionRange> {
        let Self { least, greatest } = self;
        if least <= greatest { Ok(self) } else { Err(EmptyVersionRange { least, greatest }) }
    }

    /// The least version.
    pub fn least(self) -> TlsVersion {
        self.least
    }

    /// The greatest version.
    pub fn greatest(self) -> TlsVersion {
        self.greatest
    }

    /// As rustls takes it.
    pub fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match (self.least, self.greatest) {
            (TlsVersion::Tls12, TlsVersion::Tls13) => &ALL,
            (TlsVersion::Tls13, TlsVersion::Tls13) => &ALL[..1],
            (TlsVersion::Tls12 | TlsVersion::Tls13, TlsVersion::Tls12) => &ALL[1..],
        }
    }
}
