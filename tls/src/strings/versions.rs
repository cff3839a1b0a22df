//! The versions of TLS that `sslmethod` names, in OpenSSL's words.
//!
//! Invariant: nothing older than TLS 1.2 can be named.

use endpoints::{Argument, ParseError, Value};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

const EXPECTED: &str = "`TLS_METHOD`, `TLSv1_2_METHOD` or `TLSv1_3_METHOD`";

/// Which versions are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    All,
    Tls12,
    Tls13,
}

impl Versions {
    /// Reads the argument.
    pub(super) fn of(argument: &Argument<'_>) -> Result<Self, ParseError> {
        let versions = match argument.text()? {
            None | Some("TLS_METHOD" | "SSLv23_METHOD") => Self::All,
            Some("TLSv1_2_METHOD") => Self::Tls12,
            Some("TLSv1_3_METHOD") => Self::Tls13,
            Some(old @ ("SSLv2_METHOD" | "SSLv3_METHOD" | "TLSv1_METHOD" | "TLSv1_1_METHOD")) => {
                return Err(argument.refuse(format!(
                    "{old} is no longer offered by anyone, as it is broken: expected {EXPECTED}"
                )));
            }
            Some(_) => return Err(argument.error(EXPECTED)),
        };
        argument.record(Value::Text(versions.name().into()));
        Ok(versions)
    }

    /// The name for descriptions.
    fn name(self) -> &'static str {
        match self {
            Self::All => "TLS_METHOD",
            Self::Tls12 => "TLSv1_2_METHOD",
            Self::Tls13 => "TLSv1_3_METHOD",
        }
    }

    /// For rustls.
    pub(super) fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::All => &ALL,
            Self::Tls12 => &ALL[1..],
            Self::Tls13 => &ALL[..1],
        }
    }
}
