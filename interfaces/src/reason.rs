//! The reason of the end of a connection, which Twisted passes to `connectionLost` as a `Failure`.
//!
//! Invariant: [`Reason::Done`] is the only clean end; every other reason means that bytes may have
//! been lost.

use alloc::rc::Rc;
use core::error::Error;
use core::fmt;

use deferred::Failure;

use crate::printable;

/// Why a connection ended, given to [`connection_lost`](crate::Protocol::connection_lost) once.
///
/// `Display` says this level only; `source()` has the cause.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Both sides agreed: the peer sent its end of file, or our `lose_connection` was flushed.
    /// Twisted's `ConnectionDone`.
    #[doc(alias = "ConnectionDone")]
    Done,
    /// The connection broke: a reset, a broken pipe, a network that went away. Twisted's
    /// `ConnectionLost`. The cause is an [`OsError`](crate::OsError) from a socket; other
    /// transports have causes of their own.
    #[doc(alias = "ConnectionLost")]
    Lost(Failure),
    /// Our own `abort_connection` or `lose_connection_with_reset`. Twisted's `ConnectionAborted`.
    #[doc(alias = "ConnectionAborted")]
    Aborted,
    /// The reactor stopped, and what was written before was sent, unless the peer did not take it
    /// within the time of the stop. Not clean, as the peer may have sent more. Twisted says
    /// `ConnectionLost`.
    Stopped,
    /// A deadline passed. Twisted's `TimeoutError`.
    #[doc(alias = "TimeoutError")]
    TimedOut(Deadline),
    /// TLS failed: the peer's certificate, an alert, a malformed record. Twisted's `SSL.Error`.
    #[doc(alias = "Error")]
    Tls(Failure),
    /// The peer's end of file came without TLS's `close_notify`, so an attacker may have cut the
    /// stream (RFC 8446 section 6.1).
    Truncated,
    /// The unsent bytes passed the hard cap of [`BufferLimits`](crate::BufferLimits) because the
    /// peer did not read.
    WriteBufferExceeded {
        /// The cap, in bytes.
        cap: usize,
    },
    /// The unsent bytes of all connections together passed the cap that their reactor has for them, and this
    /// one had the most.
    ReactorBufferExceeded {
        /// The cap, in bytes.
        cap: usize,
    },
    /// A callback of the protocol panicked; the text is the panic's message.
    Panicked(Rc<str>),
}

/// The time limit that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deadline {
    /// A TLS handshake.
    Handshake,
    /// No byte passed in either direction for longer than a policy allows. Twisted's `TimeoutMixin`.
    #[doc(alias = "TimeoutMixin")]
    Idle,
    /// One direction has ended, and no byte passed in the other one for longer than a policy allows.
    HalfClosed,
    /// The peer sent nothing at all for longer than a policy allows.
    FirstByte,
    /// The connection was open for longer than a policy allows, whatever passed.
    Total,
}

impl Reason {
    /// Whether the connection ended as both sides meant it to.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("connection closed cleanly"),
            Self::Lost(_) => f.write_str("connection lost"),
            Self::Aborted => f.write_str("connection aborted"),
            Self::Stopped => f.write_str("reactor stopped"),
            Self::TimedOut(deadline) => write!(f, "{deadline} timed out"),
            Self::Tls(_) => f.write_str("tls failed"),
            Self::Truncated => f.write_str("tls stream ended without close_notify"),
            Self::WriteBufferExceeded { cap } => {
                write!(f, "more than {cap} bytes waited for a peer that does not read")
            }
            Self::ReactorBufferExceeded { cap } => write!(
                f,
                "more than {cap} bytes waited for all peers together, and most of them for this one"
            ),
            Self::Panicked(message) => write!(f, "protocol panicked: {}", printable(&**message)),
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "tls handshake",
            Self::Idle => "idle connection",
            Self::HalfClosed => "half-closed connection",
            Self::FirstByte => "wait for the first byte",
            Self::Total => "whole connection",
        })
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Lost(cause) | Self::Tls(cause) => Some(cause.as_error()),
            Self::Done
            | Self::Aborted
            | Self::Stopped
            | Self::TimedOut(_)
            | Self::Truncated
            | Self::WriteBufferExceeded { .. }
            | Self::ReactorBufferExceeded { .. }
            | Self::Panicked(_) => None,
        }
    }
}
