//! [`End`]: the state of a TLS connection, the reason of its end, and its deadline.
//!
//! Invariant: the first verdict stands, and at most one deadline runs.

use std::cell::RefCell;
use std::time::Duration;

use interfaces::{DelayedCall, ReactorTime, Reason};

use super::state::{Ending, Sending, StateMachine};

/// State, reason and deadline of one connection.
#[derive(Default)]
pub(super) struct End {
    pub(super) state: StateMachine,
    /// The reason for `connection_lost`, once it is decided.
    verdict: RefCell<Option<Reason>>,
    /// The deadline of the handshake, or of the close.
    deadline: RefCell<Option<DelayedCall>>,
}

impl End {
    /// Decides on the reason, unless it is decided.
    pub(super) fn decide(&self, reason: Reason) {
        let mut verdict = self.verdict.borrow_mut();
        if verdict.is_none() {
            *verdict = Some(reason);
        }
    }

    /// The reason for the protocol when the transport below gives `below`. The stream is complete if
    /// the peer's `close_notify` came (`peer_ended`) or this side had closed.
    pub(super) fn reason_for(&self, below: &Reason, peer_ended: bool, cap: usize) -> Reason {
        let verdict = self.verdict.take();
        match (below, verdict) {
            (Reason::Panicked(_), _) => below.clone(),
            (_, Some(verdict)) => verdict,
            (Reason::Done, None) => {
                let closed = self.state.sending() == Sending::Ended(Ending::Close);
                if closed || peer_ended { Reason::Done } else { Reason::Truncated }
            }
            (Reason::WriteBufferExceeded { .. }, None) => Reason::WriteBufferExceeded { cap },
            (_, None) => below.clone(),
        }
    }

    /// Starts a deadline in place of the one that runs.
    pub(super) fn start_deadline(
        &self,
        time: &dyn ReactorTime,
        after: Duration,
        call: Box<dyn FnOnce()>,
    ) {
        self.cancel_deadline();
        self.deadline.replace(Some(time.call_later(after, call)));
    }

    pub(super) fn cancel_deadline(&self) {
        let deadline = self.deadline.take();
        if let Some(deadline) = deadline {
            // One that has run has nothing to cancel.
            let _ = deadline.cancel();
        }
    }
}
