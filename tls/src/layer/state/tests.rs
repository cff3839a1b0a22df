//! The state machine, over all phases × sendings × signals.
//!
//! Invariant: [`TRANSITIONS`] has a row for each transition, and all else is ignored.

use std::cell::Cell;

use super::{Action, Ending, Phase, Sending, Signal, StateMachine, is_alive, next};
use Ending::{Close, HalfClose, Reset};
use Phase::{Closing, Established, Gone, Handshaking, Lost, New};
use Sending::{Ended, Ending as Ends, Open};

const PHASES: [Phase; 6] = [New, Handshaking, Established, Closing, Gone, Lost];
const SENDINGS: [Sending; 7] =
    [Open, Ends(HalfClose), Ends(Close), Ends(Reset), Ended(HalfClose), Ended(Close), Ended(Reset)];
const SIGNALS: [Signal; 13] = [
    Signal::SessionMade,
    Signal::HandshakeCompleted,
    Signal::EndSending(HalfClose),
    Signal::EndSending(Close),
    Signal::EndSending(Reset),
    Signal::Drained,
    Signal::CloseNotifyReceived,
    Signal::PeerEnded,
    Signal::CloseDue,
    Signal::Failed,
    Signal::Aborted,
    Signal::BelowLost,
    Signal::InputDelivered,
];

/// Phases and sendings that go with a signal, and what becomes of each of them; `None` keeps it.
type Transition =
    (Signal, &'static [Phase], &'static [Sending], Option<Phase>, Option<Sending>, Action);

const ALIVE: &[Phase] = &[New, Handshaking, Established];
const DEAD: &[Phase] = &[Closing, Gone, Lost];
/// Nothing is received or sent, and nothing waits to be delivered but for a close that is under way.
const DEAF: &[Phase] = &[Closing, Lost];

const TRANSITIONS: [Transition; 31] = [
    (Signal::SessionMade, &[New], &SENDINGS, Some(Handshaking), None, Action::Proceed),
    (
        Signal::HandshakeCompleted,
        &[Handshaking],
        &SENDINGS,
        Some(Established),
        None,
        Action::Proceed,
    ),
    (Signal::EndSending(HalfClose), ALIVE, &[Open], None, Some(Ends(HalfClose)), Action::Drain),
    (Signal::EndSending(HalfClose), DEAD, &[Open], None, Some(Ends(HalfClose)), Action::Ignore),
    (
        Signal::EndSending(Close),
        ALIVE,
        &[Open, Ends(HalfClose)],
        None,
        Some(Ends(Close)),
        Action::Drain,
    ),
    (
        Signal::EndSending(Close),
        DEAF,
        &[Open, Ends(HalfClose)],
        None,
        Some(Ends(Close)),
        Action::Ignore,
    ),
    (
        Signal::EndSending(Close),
        &[Gone],
        &[Open, Ends(HalfClose)],
        None,
        Some(Ends(Close)),
        Action::DropInput,
    ),
    (
        Signal::EndSending(Close),
        ALIVE,
        &[Ended(HalfClose)],
        None,
        Some(Ended(Close)),
        Action::AwaitCloseNotify,
    ),
    (
        Signal::EndSending(Close),
        DEAF,
        &[Ended(HalfClose)],
        None,
        Some(Ended(Close)),
        Action::Ignore,
    ),
    (
        Signal::EndSending(Close),
        &[Gone],
        &[Ended(HalfClose)],
        None,
        Some(Ended(Close)),
        Action::DropInput,
    ),
    (
        Signal::EndSending(Reset),
        ALIVE,
        &[Open, Ends(HalfClose), Ends(Close)],
        None,
        Some(Ends(Reset)),
        Action::Drain,
    ),
    (
        Signal::EndSending(Reset),
        DEAF,
        &[Open, Ends(HalfClose), Ends(Close)],
        None,
        Some(Ends(Reset)),
        Action::Ignore,
    ),
    (
        Signal::EndSending(Reset),
        &[Gone],
        &[Open, Ends(HalfClose), Ends(Close)],
        None,
        Some(Ends(Reset)),
        Action::DropInput,
    ),
    (
        Signal::EndSending(Reset),
        ALIVE,
        &[Ended(HalfClose)],
        Some(Closing),
        Some(Ended(Reset)),
        Action::Reset,
    ),
    (
        Signal::EndSending(Reset),
        DEAF,
        &[Ended(HalfClose)],
        None,
        Some(Ended(Reset)),
        Action::Ignore,
    ),
    (
        Signal::EndSending(Reset),
        &[Gone],
        &[Ended(HalfClose)],
        None,
        Some(Ended(Reset)),
        Action::DropInput,
    ),
    (
        Signal::Drained,
        &[Handshaking],
        &[Ends(Close)],
        Some(Closing),
        Some(Ended(Close)),
        Action::Close,
    ),
    (
        Signal::Drained,
        &[Handshaking, Established],
        &[Ends(Reset)],
        Some(Closing),
        Some(Ended(Reset)),
        Action::Reset,
    ),
    (
        Signal::Drained,
        &[Established],
        &[Ends(HalfClose)],
        None,
        Some(Ended(HalfClose)),
        Action::SendCloseNotify(HalfClose),
    ),
    (
        Signal::Drained,
        &[Established],
        &[Ends(Close)],
        None,
        Some(Ended(Close)),
        Action::SendCloseNotify(Close),
    ),
    (Signal::CloseNotifyReceived, ALIVE, &[Ended(Close)], Some(Closing), None, Action::Close),
    (
        Signal::PeerEnded,
        &[Established],
        &[Open, Ends(HalfClose), Ends(Close)],
        Some(Closing),
        Some(Ended(Close)),
        Action::SendCloseNotifyAndClose,
    ),
    (
        Signal::PeerEnded,
        &[Established],
        &[Ended(HalfClose), Ended(Close)],
        Some(Closing),
        Some(Ended(Close)),
        Action::Close,
    ),
    (Signal::CloseDue, ALIVE, &[Ended(Close)], Some(Closing), None, Action::Close),
    (Signal::Failed, ALIVE, &SENDINGS, Some(Closing), None, Action::Close),
    (Signal::Aborted, ALIVE, &SENDINGS, Some(Closing), None, Action::Abort),
    (Signal::Aborted, &[Closing], &SENDINGS, None, None, Action::Abort),
    (Signal::Aborted, &[Gone], &SENDINGS, None, None, Action::DropInput),
    (Signal::BelowLost, ALIVE, &SENDINGS, Some(Gone), None, Action::Proceed),
    (Signal::BelowLost, &[Closing], &SENDINGS, Some(Gone), None, Action::Proceed),
    (Signal::InputDelivered, &[Gone], &SENDINGS, Some(Lost), None, Action::Proceed),
];

fn all() -> impl Iterator<Item = (Phase, Sending, Signal)> {
    PHASES.into_iter().flat_map(|phase| {
        SENDINGS.into_iter().flat_map(move |sending| {
            SIGNALS.into_iter().map(move |signal| (phase, sending, signal))
        })
    })
}

fn machine(phase: Phase, sending: Sending) -> StateMachine {
    StateMachine { phase: Cell::new(phase), sending: Cell::new(sending) }
}

/// The state and action after the signal.
fn after(phase: Phase, sending: Sending, signal: Signal) -> (Phase, Sending, Action) {
    let machine = machine(phase, sending);
    let action = machine.on(signal);
    (machine.phase(), machine.sending(), action)
}

/// How far to the right a sending is drawn.
fn column(sending: Sending) -> u8 {
    match sending {
        Open => 0,
        Ends(_) => 1,
        Ended(_) => 2,
    }
}

#[test]
fn every_state_makes_of_every_signal_what_the_table_says() {
    for (phase, sending, signal) in all() {
        let rows: Vec<_> = TRANSITIONS
            .iter()
            .filter(|row| row.0 == signal && row.1.contains(&phase) && row.2.contains(&sending))
            .collect();
        assert!(rows.len() <= 1, "{phase:?} × {sending:?} × {signal:?} has several rows");
        let expected = match rows.first() {
            Some((.., to_phase, to_sending, action)) => {
                (to_phase.unwrap_or(phase), to_sending.unwrap_or(sending), *action)
            }
            None => (phase, sending, Action::Ignore),
        };
        let found = after(phase, sending, signal);
        assert_eq!(found, expected, "{phase:?} × {sending:?} × {signal:?}");
    }
}

#[test]
fn nothing_moves_to_the_left_and_a_close_stays_a_close_and_a_reset_a_reset() {
    for (phase, sending, signal) in all() {
        let (to_phase, to_sending, _) = after(phase, sending, signal);
        assert!(to_phase >= phase, "{phase:?} × {signal:?}");
        assert!(column(to_sending) >= column(sending), "{sending:?} × {signal:?}");
        if let Ends(ending) | Ended(ending) = sending {
            let (Ends(after) | Ended(after)) = to_sending else { unreachable!("it was ending") };
            assert!(after.ends_input() || !ending.ends_input(), "{sending:?} × {signal:?}");
            assert!(after == Reset || ending != Reset, "{sending:?} × {signal:?}");
        }
    }
}

#[test]
fn the_transport_below_is_told_to_close_once_and_then_only_to_abort() {
    for (phase, sending, signal) in all() {
        let (to_phase, _, action) = after(phase, sending, signal);
        let closes = matches!(
            action,
            Action::Close | Action::SendCloseNotifyAndClose | Action::Reset | Action::Abort
        );
        if is_alive(phase) {
            assert_eq!(closes, to_phase == Closing, "{phase:?} × {sending:?} × {signal:?}");
        } else {
            let told = match action {
                Action::Abort => phase == Closing,
                Action::DropInput => phase == Gone,
                Action::Ignore | Action::Proceed => true,
                _ => false,
            };
            assert!(told, "{phase:?} × {sending:?} × {signal:?}: {action:?}");
        }
        if to_phase == Gone {
            assert!(phase == Gone || signal == Signal::BelowLost);
        }
        if phase == Lost {
            assert_eq!(action, Action::Ignore, "{sending:?} × {signal:?}");
        }
    }
}

#[test]
fn close_notify_is_sent_once_and_only_over_an_established_session() {
    for (phase, sending, signal) in all() {
        let (_, to_sending, action) = after(phase, sending, signal);
        let sent = matches!(action, Action::SendCloseNotify(_) | Action::SendCloseNotifyAndClose);
        if sent {
            assert_eq!(phase, Established);
            assert!(!matches!(sending, Ends(Reset)), "a reset is no clean end");
            assert!(column(sending) < 2 && column(to_sending) == 2, "{sending:?} × {signal:?}");
        }
    }
}

#[test]
fn a_signal_that_is_ignored_changes_no_living_connection() {
    for (phase, sending, signal) in all().filter(|(phase, ..)| is_alive(*phase)) {
        if after(phase, sending, signal).2 == Action::Ignore {
            assert_eq!(next(phase, sending, signal), None);
        }
    }
}

#[test]
fn only_the_end_of_both_directions_ignores_input() {
    for sending in SENDINGS {
        let machine = machine(Established, sending);
        let ends_both = matches!(sending, Ends(Close | Reset) | Ended(Close | Reset));
        assert_eq!(machine.ignores_input(), ends_both);
    }
}
