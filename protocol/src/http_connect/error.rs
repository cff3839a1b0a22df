//! Why a proxy of HTTP made no connection.
//!
//! Invariant: the text of a proxy is shown without its control characters.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use interfaces::{Reason, printable};

/// Why a proxy of HTTP made no connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpConnectError {
    /// The proxy refuses the destination, could not reach it, or does not know the method.
    Refused {
        /// The status (RFC 9110, section 15).
        status: u16,
        /// The proxy's words for it, of at most 100 bytes.
        reason: String,
    },
    /// The answer is 407: the proxy wants to know who asks.
    NotAuthenticated {
        /// The reason for the 407.
        challenge: HttpChallenge,
    },
    /// The peer is no proxy of HTTP/1.
    NotHttp,
    /// The head of the answer is longer than 8 KiB.
    TooLong,
    /// The destination is neither an address nor a name.
    BadHost {
        /// The text.
        host: String,
    },
    /// The user's name has a colon or a control character, or the password a control character (RFC 7617).
    BadCredentials,
    /// The proxy did not answer in time.
    TimedOut {
        /// The time limit.
        after: Duration,
    },
    /// The connection to the proxy ended before its answer was whole.
    Ended(Reason),
}

/// What a proxy misses in a request that it answers with 407.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpChallenge {
    /// It was given no user and no password.
    Missing,
    /// It does not take those that it was given.
    Wrong,
    /// It wants another scheme than Basic; these are the schemes' names.
    OtherScheme(String),
}

impl fmt::Display for HttpConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect through the HTTP proxy: ")?;
        match self {
            Self::Refused { status, reason } => {
                write!(f, "it answers {status}")?;
                if !reason.is_empty() {
                    write!(f, " {}", printable(reason))?;
                }
                f.write_str(advice(*status))
            }
            Self::NotAuthenticated { challenge } => challenge.fmt(f),
            Self::NotHttp => f.write_str("the answer is not one of HTTP/1"),
            Self::TooLong => f.write_str("the head of its answer is longer than 8 KiB"),
            Self::BadHost { host } => {
                write!(f, "`{}` is neither an address nor a host name", printable(host))
            }
            Self::BadCredentials => f.write_str(
                "a user's name cannot have a colon, and neither it nor a password a control character",
            ),
            Self::TimedOut { after } => write!(f, "no answer within {after:?}"),
            Self::Ended(_) => f.write_str("the connection ended before its answer"),
        }
    }
}

/// Shows what can be done.
impl fmt::Display for HttpChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it answers 407, and wants a user and a password"),
            Self::Wrong => f.write_str("it answers 407, and wants another user and password"),
            Self::OtherScheme(schemes) => {
                let schemes = printable(schemes);
                write!(f, "it answers 407, and wants {schemes}; this client has Basic alone")
            }
        }
    }
}

/// What a status means for who asked.
fn advice(status: u16) -> &'static str {
    match status {
        400 | 404 | 405 | 501 => "; is it a proxy that takes CONNECT?",
        403 => "; its rules do not allow the destination",
        502..=504 => "; it could not reach the destination",
        _ => "",
    }
}

impl core::error::Error for HttpConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Ended(reason) => Some(reason),
            Self::Refused { .. }
            | Self::NotAuthenticated { .. }
            | Self::NotHttp
            | Self::TooLong
            | Self::BadHost { .. }
            | Self::BadCredentials
            | Self::TimedOut { .. } => None,
        }
    }
}
