//! The close machine of a stream, without any I/O.
//!
//! ```text
//!            eof, half-closeable: reading → Ended
//!            lose_write: writing → Finishing ── drained ──► Ended;  broken: writing → Ended
//!             ┌──────────────────────────────┐
//!             ▼                              │
//!          ┌──────┐ lose, stop, or eof    ┌──┴─────┐
//!  made ──►│ Open │ with bytes unsent ───►│Flushing│
//!          └──┬───┘                       └──┬─────┘
//!             │ abort, broken;               │ drained
//!             │ lose, stop or eof,           │ abort, broken
//!             ▼ nothing unsent               ▼
//!          ┌─────────────────────────────────────┐                        ┌──────┐
//!          │ Closing: nothing is sent or received│ ── lost, later ───────►│ Lost │
//!          └─────────────────────────────────────┘                        └──────┘
//! ```
//!
//! Invariant: `Lost` is entered once and never left, and no state leads back to an earlier one.

/// Where a stream is in its life. Each input returns the new state and what the transport does next.
///
/// It is `Copy`: a transport keeps it in a `Cell`, and writes back what a method returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// Both directions work, or one of them, or neither until the protocol calls `lose_connection`.
    Open {
        /// The direction from the peer.
        reading: Reading,
        /// The direction to the peer.
        writing: Writing,
    },
    /// The queue goes out, then the connection ends. Nothing is delivered any more.
    Flushing(Waits),
    /// The end is decided; `connection_lost` follows on a later turn.
    Closing,
    /// `connection_lost` was called.
    Lost,
}

/// The direction from the peer to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Bytes are delivered.
    Open,
    /// The peer's end of file was delivered.
    Ended,
}

/// The direction from the protocol to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Writes are queued.
    Open,
    /// `lose_write_connection` was called; the queue goes out first.
    Finishing,
    /// Our end of file was sent, or sending failed.
    Ended,
}

/// What ends [`Flushing`](StreamState::Flushing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The queue is sent and the producer has unregistered: after `lose_connection`.
    ForProducer,
    /// The queue is sent: the peer ended a connection that has no use for one direction alone, or
    /// the transport's owner stops.
    ForQueue,
    /// As [`ForProducer`](Self::ForProducer), after `lose_connection_with_reset`: what follows is a
    /// reset.
    ToReset,
}

/// What follows a call of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// Send the queue on this turn, which may find it empty.
    Flush,
    /// Schedule `connection_lost` for a later turn.
    Close,
}

/// What follows the peer's end of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eof {
    /// Nothing: it was told already, or the protocol receives nothing any more.
    Nothing,
    /// Deliver `read_connection_lost`.
    Deliver,
    /// Stop the producer and send the queue.
    Flush,
    /// The connection has ended cleanly.
    Close,
}

/// What follows a failure to send. The queue is dropped in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nothing: the end is decided already.
    Nothing,
    /// Read and deliver what the peer sent before, then call `connection_lost` with the error. A
    /// protocol that has paused its reading gets it when it resumes.
    ReadOn,
    /// The connection is lost with the error.
    Close,
}

/// What follows when all queued bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing.
    Nothing,
    /// Send our end of file, and deliver `write_connection_lost`.
    EndWriting,
    /// Send our end of file; the connection has ended cleanly.
    EndWritingAndClose,
    /// The connection has ended cleanly.
    Close,
    /// End with a reset, once the peer has what was sent; the reason is our own abort.
    Reset,
}

/// Whether `connection_lost` is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Now; stop the producer first.
    Now,
    /// It was called before.
    Before,
}

impl StreamState {
    /// A new stream: both directions work.
    pub const OPEN: Self = Self::Open { reading: Reading::Open, writing: Writing::Open };

    /// Whether bytes from the peer may be delivered.
    #[inline]
    pub fn receives(self) -> bool {
        matches!(self, Self::Open { reading: Reading::Open, .. })
    }

    /// Whether writes are queued: while a close waits for the producer, only with one.
    #[inline]
    pub fn accepts_writes(self, has_producer: bool) -> bool {
        match self {
            Self::Open { writing: Writing::Open, .. } => true,
            Self::Open { writing: Writing::Finishing, .. }
            | Self::Flushing(Waits::ForProducer | Waits::ToReset) => has_producer,
            Self::Open { writing: Writing::Ended, .. }
            | Self::Flushing(Waits::ForQueue)
            | Self::Closing
            | Self::Lost => false,
        }
    }

    /// Whether queued bytes still go out.
    #[inline]
    pub fn sends(self) -> bool {
        match self {
            Self::Open { writing: Writing::Open | Writing::Finishing, .. } | Self::Flushing(_) => {
                true
            }
            Self::Open { writing: Writing::Ended, .. } | Self::Closing | Self::Lost => false,
        }
    }

    /// Whether the end is not decided yet.
    #[inline]
    pub fn is_alive(self) -> bool {
        match self {
            Self::Open { .. } | Self::Flushing(_) => true,
            Self::Closing | Self::Lost => false,
        }
    }

    /// Whether our end of file is to be sent right behind the queue.
    #[inline]
    pub fn ends_behind_queue(self, has_producer: bool) -> bool {
        match self.drained(has_producer).1 {
            Drained::EndWriting | Drained::EndWritingAndClose => true,
            Drained::Close | Drained::Reset | Drained::Nothing => false,
        }
    }

    /// `lose_connection`. `idle`: nothing is unsent, and no producer is registered. Where writing has
    /// ended, no producer is waited for.
    #[inline]
    pub fn lose(self, idle: bool) -> (Self, Next) {
        match self {
            Self::Open { writing: Writing::Ended, .. } => (Self::Closing, Next::Close),
            Self::Open { .. } if idle => (Self::Closing, Next::Close),
            Self::Open { .. } => (Self::Flushing(Waits::ForProducer), Next::Flush),
            Self::Flushing(_) | Self::Closing | Self::Lost => (self, Next::Nothing),
        }
    }

    /// `lose_connection_with_reset`; `idle` as for [`lose`](Self::lose). After [`Next::Close`] the
    /// connection ends as after [`Drained::Reset`]. A `lose_connection` that is not done becomes this.
    pub fn lose_with_reset(self, idle: bool) -> (Self, Next) {
        match self {
            Self::Flushing(Waits::ForProducer | Waits::ForQueue) => {
                (Self::Flushing(Waits::ToReset), Next::Flush)
            }
            Self::Open { writing: Writing::Open | Writing::Finishing, .. } if !idle => {
                (Self::Flushing(Waits::ToReset), Next::Flush)
            }
            Self::Open { .. } => (Self::Closing, Next::Close),
            Self::Flushing(Waits::ToReset) | Self::Closing | Self::Lost => (self, Next::Nothing),
        }
    }

    /// The transport's owner stops: what is queued still goes out, and no producer is waited for.
    /// `unsent`: bytes are queued.
    pub fn stop(self, unsent: bool, has_producer: bool) -> (Self, Next) {
        match self {
            Self::Open { .. } if unsent => (Self::Flushing(Waits::ForQueue), Next::Flush),
            Self::Open { .. } => (Self::Closing, Next::Close),
            Self::Flushing(Waits::ForProducer) if has_producer => {
                (Self::Flushing(Waits::ForQueue), Next::Flush)
            }
            Self::Flushing(_) | Self::Closing | Self::Lost => (self, Next::Nothing),
        }
    }

    /// `lose_write_connection`.
    #[inline]
    pub fn lose_write(self) -> (Self, Next) {
        match self {
            Self::Open { reading, writing: Writing::Open } => {
                (Self::Open { reading, writing: Writing::Finishing }, Next::Flush)
            }
            Self::Open { writing: Writing::Finishing | Writing::Ended, .. }
            | Self::Flushing(_)
            | Self::Closing
            | Self::Lost => (self, Next::Nothing),
        }
    }

    /// The peer's end of file. `half_closeable` is the answer of
    /// [`Deliver::is_half_closeable`](interfaces::Deliver::is_half_closeable); `unsent`: bytes are
    /// queued.
    #[inline]
    pub fn eof(self, half_closeable: bool, unsent: bool) -> (Self, Eof) {
        match self {
            Self::Open { reading: Reading::Open, writing } if half_closeable => {
                (Self::Open { reading: Reading::Ended, writing }, Eof::Deliver)
            }
            Self::Open { reading: Reading::Open, .. } if unsent => {
                (Self::Flushing(Waits::ForQueue), Eof::Flush)
            }
            Self::Open { reading: Reading::Open, .. } => (Self::Closing, Eof::Close),
            Self::Open { reading: Reading::Ended, .. }
            | Self::Flushing(_)
            | Self::Closing
            | Self::Lost => (self, Eof::Nothing),
        }
    }

    /// Sending failed. `unread`: there may be bytes of the peer that the protocol has not received,
    /// also because it has paused its reading.
    #[inline]
    pub fn broken(self, unread: bool) -> (Self, Broken) {
        match self {
            Self::Open { reading: Reading::Open, .. } if unread => {
                (Self::Open { reading: Reading::Open, writing: Writing::Ended }, Broken::ReadOn)
            }
            Self::Open { .. } | Self::Flushing(_) => (Self::Closing, Broken::Close),
            Self::Closing | Self::Lost => (self, Broken::Nothing),
        }
    }

    /// All queued bytes are sent.
    #[inline]
    pub fn drained(self, has_producer: bool) -> (Self, Drained) {
        match self {
            Self::Open { reading, writing: Writing::Finishing } if !has_producer => {
                (Self::Open { reading, writing: Writing::Ended }, Drained::EndWriting)
            }
            Self::Flushing(Waits::ForProducer) if !has_producer => {
                (Self::Closing, Drained::EndWritingAndClose)
            }
            Self::Flushing(Waits::ForQueue) => (Self::Closing, Drained::Close),
            Self::Flushing(Waits::ToReset) if !has_producer => (Self::Closing, Drained::Reset),
            Self::Open { .. }
            | Self::Flushing(Waits::ForProducer | Waits::ToReset)
            | Self::Closing
            | Self::Lost => (self, Drained::Nothing),
        }
    }

    /// The end is decided here and now: `abort_connection`, too many unsent bytes, a panic, a reset.
    /// The first decision counts, so the reason belongs to the one that returned [`Next::Close`].
    #[inline]
    pub fn abort(self) -> (Self, Next) {
        match self {
            Self::Open { .. } | Self::Flushing(_) => (Self::Closing, Next::Close),
            Self::Closing | Self::Lost => (self, Next::Nothing),
        }
    }

    /// `connection_lost` is about to be called: on the later turn that [`Next::Close`] asked for, or
    /// when the transport goes away.
    #[inline]
    pub fn lost(self) -> (Self, Lost) {
        match self {
            Self::Open { .. } | Self::Flushing(_) | Self::Closing => (Self::Lost, Lost::Now),
            Self::Lost => (Self::Lost, Lost::Before),
        }
    }
}

#[cfg(test)]
mod tests;
