//! The life of one stream after it stands, without any I/O: the one close machine.
//!
//! ```text
//!            end of file, half-closeable: reading → Ended
//!            lose_write_connection: writing → Finishing ── drained ──► Ended
//!             ┌──────────────────────────────┐
//!             ▼                              │
//!          ┌──────┐ lose_connection,      ┌──┴─────┐
//!  made ──►│ Open │ or end of file with   │        │
//!          │      │ bytes unsent ────────►│Flushing│
//!          └──┬───┘                       └──┬─────┘
//!             │ abort, cap, panic,           │ drained: Done
//!             │ broken, nothing unsent       │ abort, cap, panic, broken
//!             ▼                              ▼
//!          ┌─────────────────────────────────────┐   on a later turn    ┌──────┐
//!          │ Doomed: nothing is sent or received │ ── connection_lost ─►│ Lost │
//!          └─────────────────────────────────────┘                      └──────┘
//! ```
//!
//! Invariant: `Lost` is entered once and never left, and only from it is `connection_lost` called.
//! "Drained" is: nothing unsent, and no producer that [`Flushing`](State::Flushing) waits for.

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Both directions work, or one of them, or neither until the protocol says `lose_connection`.
    Open { reading: Reading, writing: Writing },
    /// What is queued goes out, then it ends. Nothing is received any more.
    Flushing(Waits),
    /// Its end is decided, and the reason is on the list of closings.
    Doomed,
    /// `connection_lost` was called.
    Lost,
}

/// The direction towards the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Open,
    /// The peer's end of file was delivered.
    Ended,
}

/// The direction towards the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Open,
    /// `lose_write_connection` was called, and what was written before goes out.
    Finishing,
    /// Our end of file was sent.
    Ended,
}

/// What a stream that flushes waits for, beside its unsent bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// For the producer to unregister: `lose_connection`.
    ForProducer,
    /// For nothing: the peer ended a connection that has no use for one direction.
    ForNothing,
}

/// What a call has to do after it changed the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Flush on this turn, which may find that it is drained.
    Flush,
    /// Put it on the list of closings, cleanly ended.
    Doom,
}

/// What to do once everything is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    Nothing,
    /// Send the end of file and tell the protocol.
    ShutdownWrite,
    /// Send the end of file; the connection has ended cleanly.
    ShutdownAndDoom,
    /// The connection has ended cleanly.
    Doom,
}

impl State {
    pub(crate) const OPEN: Self = Self::Open { reading: Reading::Open, writing: Writing::Open };

    /// Whether bytes from the peer may be delivered.
    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::Open { reading: Reading::Open, .. })
    }

    /// Whether the protocol, or (while flushing) its producer, may queue bytes.
    pub(crate) fn accepts_writes(self, has_producer: bool) -> bool {
        match self {
            Self::Open { writing: Writing::Open, .. } => true,
            Self::Open { writing: Writing::Finishing, .. } | Self::Flushing(Waits::ForProducer) => {
                has_producer
            }
            Self::Open { writing: Writing::Ended, .. }
            | Self::Flushing(Waits::ForNothing)
            | Self::Doomed
            | Self::Lost => false,
        }
    }

    /// Whether the connection is neither doomed nor lost.
    pub(crate) fn is_alive(self) -> bool {
        match self {
            Self::Open { .. } | Self::Flushing(_) => true,
            Self::Doomed | Self::Lost => false,
        }
    }

    /// `lose_connection`; `idle` is: nothing unsent and no producer.
    pub(crate) fn lose_connection(self, idle: bool) -> (Self, Next) {
        match self {
            Self::Open { .. } if idle => (Self::Doomed, Next::Doom),
            Self::Open { .. } => (Self::Flushing(Waits::ForProducer), Next::Flush),
            Self::Flushing(_) | Self::Doomed | Self::Lost => (self, Next::Nothing),
        }
    }

    /// `lose_write_connection`.
    pub(crate) fn lose_write_connection(self) -> (Self, Next) {
        match self {
            Self::Open { reading, writing: Writing::Open } => {
                (Self::Open { reading, writing: Writing::Finishing }, Next::Flush)
            }
            Self::Open { writing: Writing::Finishing | Writing::Ended, .. }
            | Self::Flushing(_)
            | Self::Doomed
            | Self::Lost => (self, Next::Nothing),
        }
    }

    /// The peer's end of file, on a protocol that lives on with one direction.
    pub(crate) fn read_ended(self) -> Self {
        match self {
            Self::Open { writing, .. } => Self::Open { reading: Reading::Ended, writing },
            Self::Flushing(_) | Self::Doomed | Self::Lost => self,
        }
    }

    /// Whether our end of file is to be sent as soon as all queued bytes are.
    pub(crate) fn ends_behind_queue(self, has_producer: bool) -> bool {
        match self.drained(has_producer).1 {
            Drained::ShutdownWrite | Drained::ShutdownAndDoom => true,
            Drained::Doom | Drained::Nothing => false,
        }
    }

    /// All queued bytes are sent. `has_producer` tells whether one may still write.
    pub(crate) fn drained(self, has_producer: bool) -> (Self, Drained) {
        match self {
            Self::Open { reading, writing: Writing::Finishing } if !has_producer => {
                (Self::Open { reading, writing: Writing::Ended }, Drained::ShutdownWrite)
            }
            Self::Flushing(Waits::ForProducer) if !has_producer => {
                (Self::Doomed, Drained::ShutdownAndDoom)
            }
            Self::Flushing(Waits::ForNothing) => (Self::Doomed, Drained::Doom),
            Self::Open { .. } | Self::Flushing(Waits::ForProducer) | Self::Doomed | Self::Lost => {
                (self, Drained::Nothing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_CLOSED: State = State::Open { reading: Reading::Open, writing: Writing::Ended };

    #[test]
    fn lose_connection_with_nothing_to_send_ends_at_once_and_otherwise_waits() {
        assert_eq!(State::OPEN.lose_connection(true), (State::Doomed, Next::Doom));
        let (flushing, next) = State::OPEN.lose_connection(false);
        assert_eq!((flushing, next), (State::Flushing(Waits::ForProducer), Next::Flush));
        assert_eq!(flushing.lose_connection(true), (flushing, Next::Nothing));
        assert_eq!(flushing.drained(true), (flushing, Drained::Nothing));
        assert_eq!(flushing.drained(false), (State::Doomed, Drained::ShutdownAndDoom));
    }

    #[test]
    fn both_directions_closed_still_wait_for_lose_connection() {
        let both = HALF_CLOSED.read_ended();
        assert!(both.is_alive());
        assert!(!both.receives() && !both.accepts_writes(true));
        assert_eq!(both.lose_connection(true).1, Next::Doom);
    }

    #[test]
    fn half_close_happens_once_and_after_the_producer() {
        let (finishing, _) = State::OPEN.lose_write_connection();
        assert!(!finishing.accepts_writes(false) && finishing.accepts_writes(true));
        assert_eq!(finishing.drained(true).1, Drained::Nothing);
        assert_eq!(finishing.drained(false), (HALF_CLOSED, Drained::ShutdownWrite));
        assert_eq!(HALF_CLOSED.lose_write_connection(), (HALF_CLOSED, Next::Nothing));
        assert_eq!(HALF_CLOSED.drained(false), (HALF_CLOSED, Drained::Nothing));
    }

    #[test]
    fn only_who_ends_by_its_own_will_has_its_end_of_file_behind_the_queue() {
        let ends = |state: State, has_producer| state.ends_behind_queue(has_producer);
        for own_will in
            [State::OPEN.lose_connection(false).0, State::OPEN.lose_write_connection().0]
        {
            assert!(ends(own_will, false) && !ends(own_will, true));
        }
        for other in [State::OPEN, HALF_CLOSED, State::Flushing(Waits::ForNothing), State::Doomed] {
            assert!(!ends(other, false));
        }
    }

    #[test]
    fn nothing_leaves_lost() {
        for state in [State::Lost, State::Doomed] {
            assert_eq!(state.lose_connection(true), (state, Next::Nothing));
            assert_eq!(state.lose_write_connection(), (state, Next::Nothing));
            assert_eq!(state.read_ended(), state);
            assert_eq!(state.drained(false), (state, Drained::Nothing));
            assert!(!state.receives() && !state.accepts_writes(true) && !state.is_alive());
        }
    }
}
