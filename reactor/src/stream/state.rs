//! The life of one stream after it stands, without any I/O: the one close machine.
//!
//! ```text
//!            end of file, half-closeable: reading → Ended
//!            lose_write_connection: writing → Finishing ── drained ──► Ended
//!            sending failed, while it reads: writing → Ended
//!             ┌──────────────────────────────┐
//!             ▼                              │
//!          ┌──────┐ lose_connection,      ┌──┴─────┐
//!  made ──►│ Open │ or end of file with   │        │
//!          │      │ bytes unsent ────────►│Flushing│
//!          └──┬───┘                       └──┬─────┘
//!             │ abort, cap, panic,           │ drained: Done
//!             │ broken, nothing unsent       │ abort, cap, panic, broken
//!             ▼                              ▼
//!          ┌──────────────────────────────────────┐   on a later turn    ┌──────┐
//!          │ Closing: nothing is sent or received │ ── connection_lost ─►│ Lost │
//!          └──────────────────────────────────────┘                      └──────┘
//! ```
//!
//! All transitions are methods of [`StreamState`], and each returns what the caller is to do.
//! Invariant: `Lost` is entered once and never left, and only from it is `connection_lost` called.
//! "Drained" means: nothing unsent, and no producer that [`Flushing`](State::Flushing) waits for.

use std::cell::Cell;

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Both directions work, or one of them, or neither until the protocol says `lose_connection`.
    Open { reading: Reading, writing: Writing },
    /// The queue goes out, then the stream ends. Nothing is received any more.
    Flushing(Waits),
    /// Its end is decided, and the reason is on the list of closings.
    Closing,
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
    /// Our end of file was sent, or sending failed.
    Ended,
}

/// What a flushing stream waits for, beside its unsent bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// For the producer to unregister: `lose_connection`.
    ForProducer,
    /// For nothing: the peer ended a connection whose protocol is not half-closeable.
    ForNothing,
}

/// What `lose_connection` and `lose_write_connection` ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Flush on this turn, which may find that the stream is drained.
    Flush,
    /// List the stream as closing, cleanly ended.
    Close,
}

/// What to do once everything is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    Nothing,
    /// Send the end of file and tell the protocol.
    ShutdownWrite,
    /// Send the end of file and list the stream as closing, cleanly ended.
    ShutdownAndClose,
    /// List the stream as closing, cleanly ended.
    Close,
}

/// What to do when sending has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// Read on: what the peer sent before is still delivered.
    ReadOn,
    /// List the stream as closing, broken.
    Close,
}

/// The state of one stream.
pub(crate) struct StreamState(Cell<State>);

impl Default for StreamState {
    fn default() -> Self {
        Self(Cell::new(State::OPEN))
    }
}

impl State {
    const OPEN: Self = Self::Open { reading: Reading::Open, writing: Writing::Open };
}

impl StreamState {
    /// Whether both directions are open: the state of most streams for most of their life.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.0.get() == State::OPEN
    }

    /// Whether bytes from the peer may be delivered.
    #[inline(always)]
    pub(crate) fn receives(&self) -> bool {
        matches!(self.0.get(), State::Open { reading: Reading::Open, .. })
    }

    /// Whether queued bytes go out before the end, and nothing is delivered.
    pub(crate) fn is_flushing(&self) -> bool {
        matches!(self.0.get(), State::Flushing(_))
    }

    /// Whether the protocol, or (while flushing) its producer, may queue bytes.
    pub(crate) fn accepts_writes(&self, has_producer: bool) -> bool {
        match self.0.get() {
            State::Open { writing: Writing::Open, .. } => true,
            State::Open { writing: Writing::Finishing, .. }
            | State::Flushing(Waits::ForProducer) => has_producer,
            State::Open { writing: Writing::Ended, .. }
            | State::Flushing(Waits::ForNothing)
            | State::Closing
            | State::Lost => false,
        }
    }

    /// Whether the connection's end is not decided.
    pub(crate) fn is_alive(&self) -> bool {
        match self.0.get() {
            State::Open { .. } | State::Flushing(_) => true,
            State::Closing | State::Lost => false,
        }
    }

    /// Whether our end of file is to be sent as soon as all queued bytes are.
    pub(crate) fn ends_behind_queue(&self, has_producer: bool) -> bool {
        match after_drain(self.0.get(), has_producer).1 {
            Drained::ShutdownWrite | Drained::ShutdownAndClose => true,
            Drained::Close | Drained::Nothing => false,
        }
    }

    /// `lose_connection`; `idle` means: nothing unsent and no producer.
    pub(crate) fn lose(&self, idle: bool) -> Next {
        let (state, next) = match self.0.get() {
            State::Open { .. } if idle => (State::Closing, Next::Close),
            State::Open { .. } => (State::Flushing(Waits::ForProducer), Next::Flush),
            state @ (State::Flushing(_) | State::Closing | State::Lost) => (state, Next::Nothing),
        };
        self.set(state);
        next
    }

    /// `lose_write_connection`.
    pub(crate) fn lose_write(&self) -> Next {
        let (state, next) = match self.0.get() {
            State::Open { reading, writing: Writing::Open } => {
                (State::Open { reading, writing: Writing::Finishing }, Next::Flush)
            }
            state @ (State::Open { writing: Writing::Finishing | Writing::Ended, .. }
            | State::Flushing(_)
            | State::Closing
            | State::Lost) => (state, Next::Nothing),
        };
        self.set(state);
        next
    }

    /// The peer's end of file, on a protocol that lives on with one direction.
    pub(crate) fn end_reading(&self) {
        self.set(match self.0.get() {
            State::Open { writing, .. } => State::Open { reading: Reading::Ended, writing },
            state @ (State::Flushing(_) | State::Closing | State::Lost) => state,
        });
    }

    /// The peer's end of file, on a protocol without a use for one direction, with bytes unsent.
    pub(crate) fn end_after_flush(&self) {
        self.set(match self.0.get() {
            State::Open { .. } => State::Flushing(Waits::ForNothing),
            state @ (State::Flushing(_) | State::Closing | State::Lost) => state,
        });
    }

    /// All queued bytes are sent. `has_producer` tells whether one may still write.
    pub(crate) fn drained(&self, has_producer: bool) -> Drained {
        let (state, next) = after_drain(self.0.get(), has_producer);
        self.set(state);
        next
    }

    /// Sending failed. `reads` tells whether the protocol takes what comes.
    pub(crate) fn broken(&self, reads: bool) -> Broken {
        let (state, next) = match self.0.get() {
            State::Open { reading: Reading::Open, .. } if reads => {
                let writing = Writing::Ended;
                (State::Open { reading: Reading::Open, writing }, Broken::ReadOn)
            }
            State::Open { .. } | State::Flushing(_) => (State::Closing, Broken::Close),
            state @ (State::Closing | State::Lost) => (state, Broken::Nothing),
        };
        self.set(state);
        next
    }

    /// The socket told an error while it was not read. An open direction from the peer is told of it
    /// when the protocol resumes, behind the bytes that came before.
    pub(crate) fn error_noticed(&self) -> Broken {
        let (state, next) = match self.0.get() {
            State::Open { reading: Reading::Ended, .. } | State::Flushing(_) => {
                (State::Closing, Broken::Close)
            }
            state @ (State::Open { reading: Reading::Open, .. } | State::Closing | State::Lost) => {
                (state, Broken::Nothing)
            }
        };
        self.set(state);
        next
    }

    /// Decides the end: abort, cap, panic. Tells whether this was the first decision, and so whether
    /// the stream is to be listed as closing.
    pub(crate) fn close(&self) -> bool {
        let first = self.is_alive();
        if first {
            self.set(State::Closing);
        }
        first
    }

    /// `connection_lost` is about to be called, or the reactor is dropped.
    pub(crate) fn lost(&self) {
        self.set(State::Lost);
    }

    #[inline]
    fn set(&self, state: State) {
        self.0.set(state);
    }
}

/// What follows a drained queue.
fn after_drain(state: State, has_producer: bool) -> (State, Drained) {
    match state {
        State::Open { reading, writing: Writing::Finishing } if !has_producer => {
            (State::Open { reading, writing: Writing::Ended }, Drained::ShutdownWrite)
        }
        State::Flushing(Waits::ForProducer) if !has_producer => {
            (State::Closing, Drained::ShutdownAndClose)
        }
        State::Flushing(Waits::ForNothing) => (State::Closing, Drained::Close),
        State::Open { .. } | State::Flushing(Waits::ForProducer) | State::Closing | State::Lost => {
            (state, Drained::Nothing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_CLOSED: State = State::Open { reading: Reading::Open, writing: Writing::Ended };

    /// A stream in a state, the answer of a transition, and the state after it.
    fn after<R>(state: State, transition: impl FnOnce(&StreamState) -> R) -> (State, R) {
        let stream = StreamState(Cell::new(state));
        let answer = transition(&stream);
        (stream.0.get(), answer)
    }

    fn all_states() -> Vec<State> {
        let reading = [Reading::Open, Reading::Ended];
        let writing = [Writing::Open, Writing::Finishing, Writing::Ended];
        let open = reading
            .iter()
            .flat_map(|&reading| writing.map(|writing| State::Open { reading, writing }));
        let others = [
            State::Flushing(Waits::ForProducer),
            State::Flushing(Waits::ForNothing),
            State::Closing,
            State::Lost,
        ];
        open.chain(others).collect()
    }

    #[test]
    fn lose_connection_with_nothing_to_send_ends_at_once_and_otherwise_waits() {
        assert_eq!(after(State::OPEN, |it| it.lose(true)), (State::Closing, Next::Close));
        let (flushing, next) = after(State::OPEN, |it| it.lose(false));
        assert_eq!((flushing, next), (State::Flushing(Waits::ForProducer), Next::Flush));
        assert_eq!(after(flushing, |it| it.lose(true)), (flushing, Next::Nothing));
        assert_eq!(after(flushing, |it| it.drained(true)), (flushing, Drained::Nothing));
        let ended = (State::Closing, Drained::ShutdownAndClose);
        assert_eq!(after(flushing, |it| it.drained(false)), ended);
    }

    #[test]
    fn both_directions_closed_still_wait_for_lose_connection() {
        let (both, ()) = after(HALF_CLOSED, StreamState::end_reading);
        let stream = StreamState(Cell::new(both));
        assert!(stream.is_alive());
        assert!(!stream.receives() && !stream.accepts_writes(true));
        assert_eq!(stream.lose(true), Next::Close);
    }

    #[test]
    fn half_close_happens_once_and_after_the_producer() {
        let (finishing, _) = after(State::OPEN, StreamState::lose_write);
        let (_, accepts) =
            after(finishing, |it| (it.accepts_writes(false), it.accepts_writes(true)));
        assert_eq!(accepts, (false, true));
        assert_eq!(after(finishing, |it| it.drained(true)), (finishing, Drained::Nothing));
        let ended = (HALF_CLOSED, Drained::ShutdownWrite);
        assert_eq!(after(finishing, |it| it.drained(false)), ended);
        assert_eq!(after(HALF_CLOSED, StreamState::lose_write), (HALF_CLOSED, Next::Nothing));
        assert_eq!(after(HALF_CLOSED, |it| it.drained(false)), (HALF_CLOSED, Drained::Nothing));
    }

    #[test]
    fn our_end_of_file_comes_behind_the_queue_only_after_a_call_of_our_own() {
        let ends =
            |state: State, has_producer| after(state, |it| it.ends_behind_queue(has_producer)).1;
        let lost = after(State::OPEN, |it| it.lose(false)).0;
        for own_call in [lost, after(State::OPEN, StreamState::lose_write).0] {
            assert!(ends(own_call, false) && !ends(own_call, true));
        }
        for other in [State::OPEN, HALF_CLOSED, State::Flushing(Waits::ForNothing), State::Closing]
        {
            assert!(!ends(other, false));
        }
    }

    #[test]
    fn a_stream_that_cannot_send_reads_on_only_while_its_protocol_takes_what_comes() {
        for state in all_states() {
            let receives = after(state, StreamState::receives).1;
            let alive = after(state, StreamState::is_alive).1;
            for reads in [false, receives] {
                let expected = match (alive, reads) {
                    (true, true) => Broken::ReadOn,
                    (true, false) => Broken::Close,
                    (false, _) => Broken::Nothing,
                };
                let (next, answer) = after(state, |it| it.broken(reads));
                assert_eq!(answer, expected, "{state:?}");
                assert!(!after(next, |it| it.accepts_writes(true)).1 || !alive, "{next:?}");
            }
        }
    }

    #[test]
    fn an_error_on_a_stream_that_is_only_paused_waits_until_it_is_read() {
        for state in all_states() {
            let waits = after(state, StreamState::receives).1;
            let alive = after(state, StreamState::is_alive).1;
            let expected = if alive && !waits { Broken::Close } else { Broken::Nothing };
            assert_eq!(after(state, StreamState::error_noticed).1, expected, "{state:?}");
        }
    }

    #[test]
    fn the_first_decision_to_close_counts_and_nothing_leaves_the_end() {
        for state in all_states() {
            let alive = after(state, StreamState::is_alive).1;
            assert_eq!(after(state, StreamState::close).1, alive, "{state:?}");
        }
        for state in [State::Lost, State::Closing] {
            assert_eq!(after(state, |it| it.lose(true)), (state, Next::Nothing));
            assert_eq!(after(state, StreamState::lose_write), (state, Next::Nothing));
            assert_eq!(after(state, StreamState::end_reading).0, state);
            assert_eq!(after(state, StreamState::end_after_flush).0, state);
            assert_eq!(after(state, |it| it.drained(false)), (state, Drained::Nothing));
            assert_eq!(after(state, |it| it.broken(true)), (state, Broken::Nothing));
            assert_eq!(after(state, StreamState::close), (state, false));
            let (_, works) = after(state, |it| it.receives() || it.accepts_writes(true));
            assert!(!works);
        }
    }
}
