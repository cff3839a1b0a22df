//! The close machine of one side of a connection in memory.
//!
//! Invariant: a stage is left only along an arrow of this drawing.
//!
//! ```text
//!          lose_write_connection            all sent, no producer
//!   Open ────────────────────────▶ HalfClosing ────────────────▶ WriteClosed
//!    │                                  │                            │
//!    │ lose_connection                  │ lose_connection            │ lose_connection
//!    │  (end of file: to Draining)      │  (end of file: to Draining)│  or end of file
//!    ▼                                  ▼                            │
//!  Closing: until all is sent and no producer is left                │
//!  Draining: until all is sent                                       │
//!    │ Done                                                          │ Done
//!    ▼                                                               ▼
//!  Ending(reason) ◀─── abort, cap, panic, reset, broken pipe ─── any of the above
//!    │ a later pump: the producer is stopped, connection_lost
//!    ▼
//!  Dead
//! ```
//!
//! "End of file" stands for one that ends the connection, as the protocol is not half-closeable.
//! The wire is closed when `Ending` begins; the protocol hears of it when `Ending` is over.

use interfaces::Reason;

/// Where one side is in its life.
#[derive(Debug)]
pub(super) enum Stage {
    Open,
    HalfClosing,
    WriteClosed,
    Closing,
    Draining,
    Ending(Reason),
    Dead,
}

impl Stage {
    /// Whether bytes are delivered to the protocol.
    pub(super) fn reads(&self) -> bool {
        match self {
            Self::Open | Self::HalfClosing | Self::WriteClosed => true,
            Self::Closing | Self::Draining | Self::Ending(_) | Self::Dead => false,
        }
    }

    /// Whether bytes may be queued: while a close waits for a producer, by that producer.
    pub(super) fn takes_writes(&self, has_producer: bool) -> bool {
        match self {
            Self::Open => true,
            Self::HalfClosing | Self::Closing => has_producer,
            Self::WriteClosed | Self::Draining | Self::Ending(_) | Self::Dead => false,
        }
    }

    /// Whether queued bytes still go out.
    pub(super) fn sends(&self) -> bool {
        match self {
            Self::Open | Self::HalfClosing | Self::Closing | Self::Draining => true,
            Self::WriteClosed | Self::Ending(_) | Self::Dead => false,
        }
    }

    /// Whether its end is decided.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Open | Self::HalfClosing | Self::WriteClosed | Self::Closing | Self::Draining => {
                false
            }
            Self::Ending(_) | Self::Dead => true,
        }
    }
}
