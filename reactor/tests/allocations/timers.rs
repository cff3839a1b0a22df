//! What a delayed call costs in memory, counted by the allocator.

use std::time::Duration;

use interfaces::{DelayedCall, ReactorTime};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::Simulated;
use testkit::{allocations, counted, live_bytes};

const MILLION: usize = 1_000_000;

/// A closure that captures nothing: what one captures is the program's own allocation.
fn ask(reactor: &Reactor<Simulated>, delay: Duration) -> DelayedCall {
    ReactorTime::call_later(reactor, delay, Box::new(|| {}))
}

/// Spread over a minute that begins in half a minute.
fn spread(number: usize) -> Duration {
    Duration::from_nanos(30_000_000_000 + number as u64 * 7_919_000_003 % 60_000_000_000)
}

fn ask_for_a_million(reactor: &Reactor<Simulated>) -> Vec<DelayedCall> {
    let mut calls = Vec::with_capacity(MILLION);
    calls.extend((0..MILLION).map(|number| ask(reactor, spread(number))));
    calls
}

#[test]
fn a_pending_call_takes_at_most_56_bytes_and_what_its_closure_captures() {
    let reactor = Reactor::simulated(1);
    let mut calls = Vec::with_capacity(MILLION);
    let before = live_bytes();
    calls.extend((0..MILLION).map(|number| ask(&reactor, spread(number))));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    let bytes = live_bytes() - before;
    assert!(bytes <= 56 * MILLION as isize, "{bytes} bytes");
}

#[test]
fn moving_allocates_once_for_a_thousand_calls_at_most_and_taking_back_never() {
    let reactor = Reactor::simulated(1);
    let calls = ask_for_a_million(&reactor);
    reactor.turn(Some(Duration::ZERO)).unwrap();
    let (before, bytes) = (allocations(), live_bytes());
    for round in 0..8 {
        for (number, call) in calls.iter().enumerate() {
            call.reset(spread(number + round)).unwrap();
            call.delay(spread(5 * number)).unwrap();
        }
    }
    let moved = allocations();
    assert!(moved - before <= MILLION / 1000, "{} allocations", moved - before);
    let grown = live_bytes() - bytes;
    assert!(grown <= 24 * MILLION as isize, "{grown} bytes more, however often they are moved");
    // One is left: when the last is gone, what they took is given back.
    for call in &calls[1..] {
        call.cancel().unwrap();
    }
    assert_eq!(allocations() - moved, 0);
}

#[test]
fn what_a_million_calls_took_is_given_back_when_the_last_is_gone() {
    let reactor = Reactor::simulated(1);
    let before = live_bytes();
    for call in ask_for_a_million(&reactor) {
        call.cancel().unwrap();
    }
    let kept = live_bytes() - before;
    assert!(kept <= 256 * 1024, "{kept} bytes");
}

#[test]
fn a_call_that_is_asked_for_and_taken_back_again_and_again_leaves_nothing() {
    let reactor = Reactor::simulated(1);
    let _pending = ask(&reactor, Duration::from_secs(60));
    let again_and_again = || {
        let ((), allocations, bytes) = counted(|| {
            for number in 0..100_000 {
                ask(&reactor, spread(number)).cancel().unwrap();
            }
        });
        (bytes, allocations)
    };
    let (bytes, _) = again_and_again();
    assert!(bytes <= 64 * 1024, "{bytes} bytes for the first time");
    assert_eq!(again_and_again(), (0, 0));
}
