//! Where a stream is in its life: the transport kit's [`StreamState`], which draws the transitions, in
//! a cell.
//!
//! Invariant: the state changes in [`StateCell::step`] alone, to what the kit's machine returned.

use std::cell::Cell;

use protocol::transport::{Broken, StreamState};

/// The state of one stream.
pub(crate) struct StateCell(Cell<StreamState>);

impl StateCell {
    /// Both directions are open.
    pub(crate) const fn new() -> Self {
        Self(Cell::new(StreamState::OPEN))
    }

    /// The state now, to be asked.
    #[inline(always)]
    pub(crate) fn get(&self) -> StreamState {
        self.0.get()
    }

    /// Whether both directions are open: the state of most streams for most of their life.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.0.get() == StreamState::OPEN
    }

    /// Whether queued bytes go out before the end, and nothing is delivered.
    #[inline]
    pub(crate) fn is_flushing(&self) -> bool {
        matches!(self.0.get(), StreamState::Flushing(_))
    }

    /// Gives the machine an input; returns what follows.
    #[inline(always)]
    pub(crate) fn step<R>(&self, input: impl FnOnce(StreamState) -> (StreamState, R)) -> R {
        let (state, follows) = input(self.0.get());
        self.0.set(state);
        follows
    }

    /// The socket told an error while it was not read. An open direction from the peer is told of it
    /// when the protocol resumes, behind the bytes that came before.
    pub(crate) fn error_noticed(&self) -> Broken {
        if self.get().receives() { Broken::Nothing } else { self.step(|state| state.broken(false)) }
    }
}

#[cfg(test)]
mod tests {
    use protocol::transport::{Reading, Waits, Writing};

    use super::*;

    #[test]
    fn an_error_on_a_stream_that_is_only_paused_waits_until_it_is_read() {
        let open = [Reading::Open, Reading::Ended].into_iter().flat_map(|reading| {
            [Writing::Open, Writing::Finishing, Writing::Ended]
                .map(|writing| StreamState::Open { reading, writing })
        });
        let others = [
            StreamState::Flushing(Waits::ForProducer),
            StreamState::Flushing(Waits::ForQueue),
            StreamState::Flushing(Waits::ToReset),
            StreamState::Closing,
            StreamState::Lost,
        ];
        for state in open.chain(others) {
            let closes = state.is_alive() && !state.receives();
            let expected = if closes { Broken::Close } else { Broken::Nothing };
            let after = if closes { StreamState::Closing } else { state };
            let cell = StateCell(Cell::new(state));
            assert_eq!((cell.error_noticed(), cell.get()), (expected, after), "{state:?}");
        }
    }
}
