//! [`End`]: the state of a TLS connection, the reason of its end, and its deadline.
//!
//! Invariant: the first verdict stands, and at most one deadline runs.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use deferred::Failure;
use interfaces::{DelayedCall, OsError, ReactorTime, Reason};

use super::state::{Ending, Phase, Sending, StateMachine};
use crate::TlsError;
use crate::handshakes::RunningHandshake;

/// State, reason and deadline of one connection.
#[derive(Default)]
pub(super) struct End {
    pub(super) state: StateMachine,
    /// The reason for `connection_lost`, once it is decided.
    verdict: RefCell<Option<Reason>>,
    /// The deadline of the handshake, or of the close.
    deadline: RefCell<Option<DelayedCall>>,
    /// Counts the handshake among the running ones.
    handshake: Cell<Option<RunningHandshake>>,
}

impl End {
    /// Decides on the reason, unless it is decided.
    pub(super) fn decide(&self, reason: Reason) {
        let mut verdict = self.verdict.borrow_mut();
        if verdict.is_none() {
            *verdict = Some(reason);
        }
    }

    /// Decides on the reason for the protocol when the transport below gives `below`, in `phase`.
    /// The stream is complete if the peer's `close_notify` came (`peer_ended`) or this side had
    /// closed; that its own bytes arrived is known from the transport below alone.
    pub(super) fn settle(&self, below: &Reason, phase: Phase, peer_ended: bool, cap: usize) {
        let verdict = self.verdict.take();
        let reason = match (below, verdict) {
            (Reason::Panicked(_), _) => below.clone(),
            (_, Some(verdict)) => verdict,
            (Reason::Done, None) => match self.state.sending() {
                Sending::Ended(Ending::Reset) => Reason::Aborted,
                Sending::Ended(Ending::Close) => Reason::Done,
                _ if peer_ended => Reason::Done,
                _ => end_of_file_in(phase),
            },
            (Reason::Lost(cause), None) if phase == Phase::Handshaking => lost_in_handshake(cause),
            (Reason::WriteBufferExceeded { .. }, None) => Reason::WriteBufferExceeded { cap },
            (_, None) => below.clone(),
        };
        self.verdict.replace(Some(reason));
    }

    /// Replaces the reason: the protocol panicked while it was told what arrived before the end.
    pub(super) fn panicked(&self, message: &str) {
        self.verdict.replace(Some(Reason::Panicked(message.into())));
    }

    /// Takes the reason that was settled.
    pub(super) fn take_reason(&self) -> Reason {
        self.verdict.take().unwrap_or(Reason::Aborted)
    }

    /// The handshake is running from now on.
    pub(super) fn begin_handshake(&self, running: RunningHandshake) {
        self.handshake.set(Some(running));
    }

    /// The handshake is running no more, whether it is done or not.
    pub(super) fn end_handshake(&self) {
        self.handshake.take();
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

/// What the end of file of the stream below means where no `close_notify` came before.
pub(super) fn end_of_file_in(phase: Phase) -> Reason {
    match phase {
        Phase::New | Phase::Handshaking => Reason::Tls(Failure::new(TlsError::ClosedInHandshake)),
        Phase::Established | Phase::Closing | Phase::Gone | Phase::Lost => Reason::Truncated,
    }
}

/// The reason where the connection broke before the handshake was done.
fn lost_in_handshake(cause: &Failure) -> Reason {
    match cause.downcast_ref::<OsError>() {
        Some(source) => Reason::Tls(Failure::new(TlsError::LostInHandshake { source: *source })),
        None => Reason::Lost(cause.clone()),
    }
}
