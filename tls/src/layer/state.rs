//! The state machine of a TLS connection: phase × sending × signal → next state and action.
//!
//! ```text
//!  Phase    New ──SessionMade──▶ Handshaking ──HandshakeCompleted──▶ Established ──▶ Closing ──▶ Gone ──▶ Lost
//!                                     │ Drained, Failed, Aborted                        ▲         ▲
//!                                     └─────────────────────────────────────────────────┘         │
//!                                       BelowLost, from any phase ────────────────────────────────┘
//!
//!  Sending  Open ──lose_write_connection──▶ Ending(HalfClose) ──close_notify──▶ Ended(HalfClose)
//!             │                                   │ lose_connection                  │
//!             ├─────────lose_connection──────────▶ Ending(Close) ──close_notify──▶ Ended(Close)
//!             │                                   │ lose_connection_with_reset
//!             └─────lose_connection_with_reset───▶ Ending(Reset) ──a reset────────▶ Ended(Reset)
//! ```
//!
//! `Ending` waits for the handshake, for the bytes that were written, and for a producer. `Gone` waits
//! for a protocol that has paused to take what arrived before.
//! Invariant: phase and sending are set in this file only, and neither moves to the left.

use std::cell::Cell;

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// `connection_made` has not come yet.
    New,
    /// Plaintext is held, in both directions.
    Handshaking,
    /// Data flows.
    Established,
    /// The connection below was told to close: nothing more is sent or received.
    Closing,
    /// The connection below has ended, and what arrived before is delivered.
    Gone,
    /// `connection_lost` is delivered.
    Lost,
}

/// Which bytes this side still sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// All bytes that are written.
    Open,
    /// Bytes written before, and those that a registered producer still writes.
    Ending(Ending),
    /// Nothing: `close_notify` is sent, or the connection closed before its handshake.
    Ended(Ending),
}

/// What follows the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// `close_notify` alone; reading goes on.
    HalfClose,
    /// `close_notify`, then the connection below is closed. Nothing is delivered any more.
    Close,
    /// The connection below is reset, without `close_notify`. Nothing is delivered any more.
    Reset,
}

/// An input of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The transport below came with `connection_made`, and the session for it is made.
    SessionMade,
    /// The handshake is done, and the protocol was told.
    HandshakeCompleted,
    /// The protocol called `lose_write_connection`, `lose_connection` or
    /// `lose_connection_with_reset`.
    EndSending(Ending),
    /// No plaintext is pending, and no producer is registered.
    Drained,
    /// The peer's `close_notify` arrived.
    CloseNotifyReceived,
    /// The peer's `close_notify` is due to a protocol that cannot half-close.
    PeerEnded,
    /// The peer's `close_notify` is not awaited, or did not come in time.
    CloseDue,
    /// The session failed, or the stream below was cut.
    Failed,
    /// The protocol called `abort_connection`, a deadline passed, or a limit was exceeded.
    Aborted,
    /// The transport below delivered `connection_lost`.
    BelowLost,
    /// All that arrived before the end was delivered.
    InputDelivered,
}

/// What the connection does after a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Action {
    /// Nothing: the signal changes nothing in this state.
    Ignore,
    /// The state changed; the giver of the signal goes on.
    Proceed,
    /// Send the pending bytes, and signal when they are sent.
    Drain,
    /// Send `close_notify`, then half-close the transport below or await the peer's.
    SendCloseNotify(Ending),
    /// Await the peer's `close_notify`.
    AwaitCloseNotify,
    /// Send `close_notify`, and tell the transport below to close.
    SendCloseNotifyAndClose,
    /// Tell the transport below to close.
    Close,
    /// Tell the transport below to close with a reset.
    Reset,
    /// Abort the transport below.
    Abort,
    /// Drop what waits to be delivered, and have `connection_lost` delivered.
    DropInput,
}

/// Phase and sending of one connection.
#[derive(Debug)]
pub(super) struct StateMachine {
    phase: Cell<Phase>,
    sending: Cell<Sending>,
}

impl Default for StateMachine {
    fn default() -> Self {
        Self { phase: Cell::new(Phase::New), sending: Cell::new(Sending::Open) }
    }
}

impl StateMachine {
    /// Takes the transition that `signal` makes.
    pub(super) fn on(&self, signal: Signal) -> Action {
        match next(self.phase.get(), self.sending.get(), signal) {
            Some((phase, sending, action)) => {
                self.phase.set(phase);
                self.sending.set(sending);
                action
            }
            None => Action::Ignore,
        }
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    #[inline]
    pub(super) fn sending(&self) -> Sending {
        self.sending.get()
    }

    /// Whether the transport below was not told to close, nor ended by itself.
    #[inline]
    pub(super) fn is_alive(&self) -> bool {
        is_alive(self.phase.get())
    }

    #[inline]
    pub(super) fn is_established(&self) -> bool {
        self.phase.get() == Phase::Established
    }

    /// Whether what arrived may be delivered: from the end of the handshake to the end.
    #[inline]
    pub(super) fn delivers(&self) -> bool {
        self.phase.get() >= Phase::Established
    }

    /// Whether the end of sending waits for [`Signal::Drained`].
    #[inline]
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.sending.get(), Sending::Ending(_))
    }

    /// Whether the protocol ended both directions, after which nothing is delivered.
    #[inline]
    pub(super) fn ignores_input(&self) -> bool {
        match self.sending.get() {
            Sending::Open => false,
            Sending::Ending(ending) | Sending::Ended(ending) => ending.ends_input(),
        }
    }
}

impl Ending {
    fn ends_input(self) -> bool {
        match self {
            Self::HalfClose => false,
            Self::Close | Self::Reset => true,
        }
    }
}

fn is_alive(phase: Phase) -> bool {
    match phase {
        Phase::New | Phase::Handshaking | Phase::Established => true,
        Phase::Closing | Phase::Gone | Phase::Lost => false,
    }
}

/// The transition of a signal; `None` where it changes nothing.
fn next(phase: Phase, sending: Sending, signal: Signal) -> Option<(Phase, Sending, Action)> {
    match signal {
        Signal::SessionMade => match phase {
            Phase::New => Some((Phase::Handshaking, sending, Action::Proceed)),
            _ => None,
        },
        Signal::HandshakeCompleted => match phase {
            Phase::Handshaking => Some((Phase::Established, sending, Action::Proceed)),
            _ => None,
        },
        Signal::EndSending(ending) => end_sending(phase, sending, ending),
        Signal::Drained => drained(phase, sending),
        Signal::CloseNotifyReceived | Signal::CloseDue => match sending {
            Sending::Ended(Ending::Close) if is_alive(phase) => {
                Some((Phase::Closing, sending, Action::Close))
            }
            Sending::Open | Sending::Ending(_) | Sending::Ended(_) => None,
        },
        Signal::PeerEnded => peer_ended(phase, sending),
        Signal::Failed => match phase {
            Phase::New | Phase::Handshaking | Phase::Established => {
                Some((Phase::Closing, sending, Action::Close))
            }
            Phase::Closing | Phase::Gone | Phase::Lost => None,
        },
        // An abort also cuts a close short.
        Signal::Aborted => match phase {
            Phase::New | Phase::Handshaking | Phase::Established | Phase::Closing => {
                Some((Phase::Closing, sending, Action::Abort))
            }
            Phase::Gone => Some((phase, sending, Action::DropInput)),
            Phase::Lost => None,
        },
        Signal::BelowLost => match phase {
            Phase::New | Phase::Handshaking | Phase::Established | Phase::Closing => {
                Some((Phase::Gone, sending, Action::Proceed))
            }
            Phase::Gone | Phase::Lost => None,
        },
        Signal::InputDelivered => match phase {
            Phase::Gone => Some((Phase::Lost, sending, Action::Proceed)),
            _ => None,
        },
    }
}

/// The end is noted in every phase; only a living connection acts on it, and one whose input waits.
fn end_sending(phase: Phase, sending: Sending, ending: Ending) -> Option<(Phase, Sending, Action)> {
    let (sending, action) = match (sending, ending) {
        (Sending::Open, ending) => (Sending::Ending(ending), Action::Drain),
        (Sending::Ending(Ending::HalfClose), Ending::Close | Ending::Reset)
        | (Sending::Ending(Ending::Close), Ending::Reset) => {
            (Sending::Ending(ending), Action::Drain)
        }
        // `close_notify` is out already.
        (Sending::Ended(Ending::HalfClose), Ending::Close) => {
            (Sending::Ended(Ending::Close), Action::AwaitCloseNotify)
        }
        (Sending::Ended(Ending::HalfClose), Ending::Reset) => {
            (Sending::Ended(Ending::Reset), Action::Reset)
        }
        (Sending::Ending(_) | Sending::Ended(_), Ending::HalfClose)
        | (Sending::Ending(Ending::Close | Ending::Reset), Ending::Close)
        | (Sending::Ending(Ending::Reset), Ending::Reset)
        | (Sending::Ended(Ending::Close | Ending::Reset), Ending::Close | Ending::Reset) => {
            return None;
        }
    };
    match phase {
        Phase::New | Phase::Handshaking | Phase::Established => {
            let closes = action == Action::Reset;
            Some((if closes { Phase::Closing } else { phase }, sending, action))
        }
        Phase::Gone if ending.ends_input() => Some((phase, sending, Action::DropInput)),
        Phase::Closing | Phase::Gone | Phase::Lost => Some((phase, sending, Action::Ignore)),
    }
}

/// All bytes are sent, and the end follows. A connection that closes with nothing to send needs no
/// handshake; a half-close waits for it.
fn drained(phase: Phase, sending: Sending) -> Option<(Phase, Sending, Action)> {
    match (phase, sending) {
        (Phase::Handshaking | Phase::Established, Sending::Ending(Ending::Reset)) => {
            Some((Phase::Closing, Sending::Ended(Ending::Reset), Action::Reset))
        }
        (Phase::Established, Sending::Ending(ending)) => {
            Some((phase, Sending::Ended(ending), Action::SendCloseNotify(ending)))
        }
        (Phase::Handshaking, Sending::Ending(Ending::Close)) => {
            Some((Phase::Closing, Sending::Ended(Ending::Close), Action::Close))
        }
        (Phase::Handshaking, Sending::Ending(Ending::HalfClose))
        | (Phase::New, Sending::Ending(_))
        | (Phase::Closing | Phase::Gone | Phase::Lost, Sending::Ending(_))
        | (_, Sending::Open | Sending::Ended(_)) => None,
    }
}

/// Both sides end; `close_notify` is sent unless it was.
fn peer_ended(phase: Phase, sending: Sending) -> Option<(Phase, Sending, Action)> {
    if phase != Phase::Established {
        return None;
    }
    let action = match sending {
        Sending::Open | Sending::Ending(Ending::HalfClose | Ending::Close) => {
            Action::SendCloseNotifyAndClose
        }
        Sending::Ended(Ending::HalfClose | Ending::Close) => Action::Close,
        Sending::Ending(Ending::Reset) | Sending::Ended(Ending::Reset) => return None,
    };
    Some((Phase::Closing, Sending::Ended(Ending::Close), action))
}

#[cfg(test)]
mod tests;
