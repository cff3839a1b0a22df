//! How long a poll waits for the pending calls.

use std::time::Duration;

use interfaces::{DelayedCall, ReactorTime as _};

use super::timeout;
use crate::Reactor;
use crate::simulated::{Faults, Simulated};
use crate::sys::Sys as _;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reactor() -> Reactor<Simulated> {
    let reactor = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    reactor
}

/// How long a poll waits now.
fn wait(reactor: &Reactor<Simulated>) -> Option<Duration> {
    timeout(reactor.core(), None)
}

fn call(reactor: &Reactor<Simulated>, delay: u64) -> DelayedCall {
    reactor.call_later(seconds(delay), || {})
}

/// Lets time pass, and no call run.
fn pass(reactor: &Reactor<Simulated>, time: u64) {
    reactor.system().poll(Some(seconds(time)), &mut Vec::new()).expect("polls");
}

#[test]
fn without_a_call_it_waits_for_ever_and_with_one_until_that_is_due() {
    let reactor = reactor();
    assert_eq!(wait(&reactor), None);
    let pending = call(&reactor, 100);
    assert_eq!(wait(&reactor), Some(seconds(100)));
    pass(&reactor, 25);
    assert_eq!(wait(&reactor), Some(seconds(75)));
    pending.cancel().expect("it is pending");
    assert_eq!(wait(&reactor), None);
}

#[test]
fn of_several_calls_the_next_one_counts() {
    let reactor = reactor();
    for delay in [50, 10, 100] {
        call(&reactor, delay);
    }
    assert_eq!(wait(&reactor), Some(seconds(10)));
}

#[test]
fn a_call_that_was_reset_counts_from_then_and_one_that_was_delayed_from_its_time() {
    let reactor = reactor();
    let reset = call(&reactor, 50);
    pass(&reactor, 25);
    reset.reset(seconds(15)).expect("it is pending");
    assert_eq!(wait(&reactor), Some(seconds(15)));
    reset.cancel().expect("it is pending");

    let delayed = call(&reactor, 50);
    pass(&reactor, 10);
    delayed.delay(seconds(20)).expect("it is pending");
    assert_eq!(wait(&reactor), Some(seconds(60)));
    assert_eq!(reactor.delayed_calls().len(), 1);
}

#[test]
fn a_call_that_is_overdue_and_one_that_is_too_far_to_count() {
    let reactor = reactor();
    let far = reactor.call_later(Duration::MAX, || {});
    assert!(wait(&reactor).is_some_and(|time| time > seconds(1_000_000_000)));
    call(&reactor, 1);
    pass(&reactor, 5);
    assert_eq!(wait(&reactor), Some(Duration::ZERO));
    assert!(far.active());
}
