//! Claims about the close machine, over all of its states and inputs.

use alloc::vec::Vec;

use super::*;

const OPEN: StreamState = StreamState::OPEN;
const HALF_CLOSED: StreamState =
    StreamState::Open { reading: Reading::Open, writing: Writing::Ended };
const FOR_PRODUCER: StreamState = StreamState::Flushing(Waits::ForProducer);
const FOR_QUEUE: StreamState = StreamState::Flushing(Waits::ForQueue);
const TO_RESET: StreamState = StreamState::Flushing(Waits::ToReset);

/// Every state.
fn states() -> Vec<StreamState> {
    let mut states = Vec::new();
    for reading in [Reading::Open, Reading::Ended] {
        for writing in [Writing::Open, Writing::Finishing, Writing::Ended] {
            states.push(StreamState::Open { reading, writing });
        }
    }
    states.extend([FOR_PRODUCER, FOR_QUEUE, TO_RESET, StreamState::Closing, StreamState::Lost]);
    states
}

/// Where each input leads, but for `lost`.
fn successors(state: StreamState) -> Vec<StreamState> {
    let mut next = alloc::vec![state.lose_write().0, state.abort().0];
    for fact in [false, true] {
        next.extend([state.lose(fact).0, state.broken(fact).0, state.drained(fact).0]);
        next.push(state.lose_with_reset(fact).0);
        next.extend([state.stop(fact, false).0, state.stop(fact, true).0]);
        next.extend([state.eof(fact, false).0, state.eof(fact, true).0]);
    }
    next
}

/// How far a state is on the way to `Lost`: reading, writing, and the ends.
fn progress(state: StreamState) -> (u8, u8, u8) {
    match state {
        StreamState::Open { reading, writing } => {
            let reading = u8::from(reading == Reading::Ended);
            let writing = match writing {
                Writing::Open => 0,
                Writing::Finishing => 1,
                Writing::Ended => 2,
            };
            (0, reading, writing)
        }
        StreamState::Flushing(Waits::ForProducer) => (1, 0, 0),
        StreamState::Flushing(Waits::ForQueue) => (1, 1, 0),
        StreamState::Flushing(Waits::ToReset) => (1, 2, 0),
        StreamState::Closing => (2, 0, 0),
        StreamState::Lost => (3, 0, 0),
    }
}

#[test]
fn no_input_leads_back() {
    for state in states() {
        for next in successors(state) {
            assert!(progress(next) >= progress(state), "{state:?} to {next:?}");
            assert!(state == StreamState::Lost || next != StreamState::Lost, "{state:?}");
            if progress(next) == progress(state) {
                assert_eq!(next, state, "no input leads sideways");
            }
        }
    }
}

#[test]
fn every_state_is_reached_from_open_and_reaches_lost() {
    let mut reached = alloc::vec![OPEN];
    let mut at = 0;
    while at < reached.len() {
        for next in successors(reached[at]).into_iter().chain([reached[at].lost().0]) {
            if !reached.contains(&next) {
                reached.push(next);
            }
        }
        at += 1;
    }
    for state in states() {
        assert!(reached.contains(&state), "{state:?} is not reached");
        assert_eq!(state.abort().0.lost().0, StreamState::Lost);
    }
    assert_eq!(reached.len(), states().len());
}

#[test]
fn each_decision_is_made_once() {
    for state in states() {
        let alive = state.is_alive();
        assert_eq!(state.abort().1 == Next::Close, alive);
        assert_eq!(state.abort().0.abort().1, Next::Nothing);
        assert_eq!(state.lost().1 == Lost::Before, state == StreamState::Lost);
        assert_eq!(state.lost().0.lost(), (StreamState::Lost, Lost::Before));
        for idle in [false, true] {
            let (after, next) = state.lose(idle);
            assert_eq!(next != Next::Nothing, matches!(state, StreamState::Open { .. }));
            assert_eq!(after.lose(idle), (after, Next::Nothing));
            let (after, next) = state.lose_with_reset(idle);
            assert_eq!(next != Next::Nothing, alive && state != TO_RESET);
            assert_eq!(after.lose_with_reset(idle), (after, Next::Nothing));
            assert_eq!(after.lose(idle), (after, Next::Nothing), "the reset stays");
        }
        let (after, next) = state.lose_write();
        assert_eq!(after.lose_write(), (after, Next::Nothing));
        assert_eq!(next == Next::Flush, after != state);
        for unsent in [false, true] {
            let (after, told) = state.eof(true, unsent);
            assert_eq!(told == Eof::Deliver, state.receives());
            assert_eq!(after.eof(true, unsent), (after, Eof::Nothing));
            assert_eq!(after.eof(false, unsent), (after, Eof::Nothing));
        }
    }
}

#[test]
fn what_is_to_be_done_and_the_new_state_belong_together() {
    for state in states() {
        for fact in [false, true] {
            let (after, drained) = state.drained(fact);
            let closes =
                matches!(drained, Drained::EndWritingAndClose | Drained::Close | Drained::Reset);
            assert_eq!(closes, after == StreamState::Closing && state.is_alive());
            let ends = matches!(drained, Drained::EndWriting | Drained::EndWritingAndClose);
            assert_eq!(ends, state.ends_behind_queue(fact));
            assert!(!ends || !fact, "a producer still writes");
            assert_eq!(drained == Drained::Reset, state == TO_RESET && !fact);
            let (after, broken) = state.broken(fact);
            assert_eq!(broken == Broken::ReadOn, state.receives() && fact);
            assert_eq!(broken != Broken::Nothing, state.is_alive());
            assert!(!after.sends(), "nothing is sent on what is broken");
            assert_eq!(after.is_alive(), broken == Broken::ReadOn);
            for unsent in [false, true] {
                let (after, eof) = state.eof(fact, unsent);
                assert!(!after.receives());
                assert_eq!(eof == Eof::Close, after == StreamState::Closing && state != after);
                assert_eq!(eof == Eof::Flush, after == FOR_QUEUE && state != after);
            }
        }
    }
}

#[test]
fn what_accepts_writes_also_sends_them_and_what_receives_is_open() {
    for state in states() {
        for has_producer in [false, true] {
            assert!(!state.accepts_writes(has_producer) || state.sends(), "{state:?}");
        }
        assert!(!state.accepts_writes(false) || state.accepts_writes(true));
        assert!(!state.receives() || matches!(state, StreamState::Open { .. }));
        assert!(!state.sends() || state.is_alive());
    }
}

#[test]
fn lose_connection_with_nothing_to_send_ends_at_once_and_otherwise_waits() {
    assert_eq!(OPEN.lose(true), (StreamState::Closing, Next::Close));
    assert_eq!(OPEN.lose(false), (FOR_PRODUCER, Next::Flush));
    assert_eq!(FOR_PRODUCER.drained(true), (FOR_PRODUCER, Drained::Nothing));
    let ended = (StreamState::Closing, Drained::EndWritingAndClose);
    assert_eq!(FOR_PRODUCER.drained(false), ended);
    assert_eq!(FOR_QUEUE.drained(true), (StreamState::Closing, Drained::Close));
}

#[test]
fn both_directions_closed_still_wait_for_lose_connection() {
    let both = HALF_CLOSED.eof(true, false).0;
    assert!(both.is_alive() && !both.receives() && !both.accepts_writes(true));
    assert_eq!(both.lose(true).1, Next::Close);
}

#[test]
fn a_reset_waits_for_queue_and_producer_and_replaces_an_end_that_is_not_done() {
    assert_eq!(OPEN.lose_with_reset(true), (StreamState::Closing, Next::Close));
    for earlier in [OPEN, FOR_PRODUCER, FOR_QUEUE] {
        assert_eq!(earlier.lose_with_reset(false), (TO_RESET, Next::Flush), "{earlier:?}");
    }
    assert!(TO_RESET.accepts_writes(true) && !TO_RESET.accepts_writes(false));
    assert_eq!(TO_RESET.drained(true), (TO_RESET, Drained::Nothing));
    assert_eq!(TO_RESET.drained(false), (StreamState::Closing, Drained::Reset));
    assert!(!TO_RESET.ends_behind_queue(false), "no end of file comes before the reset");
}

#[test]
fn a_stop_sends_what_is_queued_and_waits_for_no_producer() {
    for state in states() {
        for has_producer in [false, true] {
            for unsent in [false, true] {
                let (after, next) = state.stop(unsent, has_producer);
                let is_open = matches!(state, StreamState::Open { .. });
                assert_eq!(next == Next::Close, is_open && !unsent, "{state:?}");
                assert_eq!(next != Next::Nothing, after != state);
                assert!(after.drained(false).0 == StreamState::Closing || !after.is_alive());
                assert!(after == TO_RESET || !after.accepts_writes(has_producer));
            }
        }
    }
}

#[test]
fn what_can_send_no_more_waits_for_no_producer() {
    for broken in [OPEN.broken(true).0, HALF_CLOSED] {
        assert_eq!(broken.lose(false), (StreamState::Closing, Next::Close));
        assert_eq!(broken.lose_with_reset(false), (StreamState::Closing, Next::Close));
    }
}

#[test]
fn half_close_happens_after_the_producer() {
    let finishing = OPEN.lose_write().0;
    assert!(!finishing.accepts_writes(false) && finishing.accepts_writes(true));
    assert_eq!(finishing.drained(true), (finishing, Drained::Nothing));
    assert_eq!(finishing.drained(false), (HALF_CLOSED, Drained::EndWriting));
}

#[test]
fn a_state_is_small() {
    assert!(size_of::<StreamState>() <= 2);
}

#[test]
fn half_close_happens_once() {
    assert_eq!(HALF_CLOSED.lose_write(), (HALF_CLOSED, Next::Nothing));
    assert_eq!(HALF_CLOSED.drained(false), (HALF_CLOSED, Drained::Nothing));
}

#[test]
fn our_end_of_file_comes_behind_the_queue_only_after_a_call_of_our_own() {
    for own_call in [OPEN.lose(false).0, OPEN.lose_write().0] {
        assert!(own_call.ends_behind_queue(false) && !own_call.ends_behind_queue(true));
    }
    for other in [OPEN, HALF_CLOSED, FOR_QUEUE, StreamState::Closing] {
        assert!(!other.ends_behind_queue(false), "{other:?}");
    }
}

#[test]
fn no_input_but_lost_changes_the_end() {
    for state in [StreamState::Closing, StreamState::Lost] {
        assert_eq!(state.lose(true), (state, Next::Nothing));
        assert_eq!(state.lose_write(), (state, Next::Nothing));
        for unsent in [false, true] {
            assert_eq!(state.eof(true, unsent), (state, Eof::Nothing));
            assert_eq!(state.eof(false, unsent), (state, Eof::Nothing));
        }
        assert_eq!(state.drained(false), (state, Drained::Nothing));
        assert_eq!(state.broken(true), (state, Broken::Nothing));
        assert_eq!(state.lose_with_reset(true), (state, Next::Nothing));
        assert_eq!(state.stop(true, true), (state, Next::Nothing));
        assert_eq!(state.abort(), (state, Next::Nothing));
        assert!(!state.receives() && !state.accepts_writes(true));
    }
}
