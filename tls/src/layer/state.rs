//! The states of a TLS connection, and how it ends.
//!
//! ```text
//!  Phase    New ──connection_made──▶ Handshaking ──▶ Established ──▶ Closing ──▶ Lost
//!                                        │ failure, timeout, cap       ▲         ▲
//!                                        └─────────────────────────────┘         │
//!                          the connection below is lost, from any phase ─────────┘
//!
//!  Sending  Open ──lose_write_connection──▶ Ending(HalfClose) ──close_notify──▶ Ended(HalfClose)
//!             │                                   │ lose_connection                  │
//!             └─────────lose_connection──────────▶ Ending(Close) ──close_notify──▶ Ended(Close)
//! ```
//!
//! `Ending` waits for the handshake, for what was written, and for a producer. Invariant: nothing
//! moves to the left.

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `connection_made` has not come yet.
    New,
    /// Plaintext is held, in both directions.
    Handshaking,
    /// Data flows.
    Established,
    /// The verdict is known and the connection below was told to close: no more is sent or
    /// delivered.
    Closing,
    /// `connection_lost` was delivered.
    Lost,
}

/// What this side still sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Whatever is written.
    Open,
    /// What was written before, and what a registered producer still writes.
    Ending(Ending),
    /// Nothing: `close_notify` is out, or would have been if the handshake had come so far.
    Ended(Ending),
}

/// What follows the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `close_notify` alone; reading goes on.
    HalfClose,
    /// `close_notify`, then the connection below is closed. Nothing is delivered any more.
    Close,
}

impl Sending {
    /// Whether the protocol has called `lose_connection`, and so hears no more data.
    pub(crate) fn is_deaf(self) -> bool {
        matches!(self, Self::Ending(Ending::Close) | Self::Ended(Ending::Close))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lose_connection_makes_deaf() {
        assert!(!Sending::Open.is_deaf());
        assert!(!Sending::Ending(Ending::HalfClose).is_deaf());
        assert!(!Sending::Ended(Ending::HalfClose).is_deaf());
        assert!(Sending::Ending(Ending::Close).is_deaf());
        assert!(Sending::Ended(Ending::Close).is_deaf());
    }
}
