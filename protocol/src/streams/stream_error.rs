//! [`StreamError`]: why a half cannot go on.
//!
//! Invariant: bytes that arrived are read before the error that came behind them.

use core::error::Error;
use core::fmt;

use interfaces::Reason;

/// Why a read or a write of a half cannot be done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The connection is lost, and for reading not in order.
    Lost(Reason),
    /// The peer has sent all it had to send, and that was less than was asked for.
    UnexpectedEnd {
        /// How many bytes are left; they can still be read.
        held: usize,
    },
    /// No delimiter came within the limit. The bytes can still be read.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(_) => f.write_str("cannot go on with the stream: its connection is lost"),
            Self::UnexpectedEnd { held } => {
                write!(
                    f,
                    "cannot read as much as was asked for: the stream ended after {held} bytes"
                )
            }
            Self::TooLong { limit } => {
                write!(f, "cannot read up to the delimiter: none came within {limit} bytes")
            }
        }
    }
}

impl Error for StreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Lost(reason) => Some(reason),
            Self::UnexpectedEnd { .. } | Self::TooLong { .. } => None,
        }
    }
}
