//! A turn inside a callback of another one, and what the outer one does then.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use interfaces::ReactorTime as _;
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Simulated};

const HOUR: Duration = Duration::from_secs(3600);

/// The time after a turn in which a timer ran `act`; the next timer is due in an hour.
fn time_after_a_turn(act: impl FnOnce(&Reactor<Simulated>) + 'static) -> Duration {
    let reactor = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    reactor.call_later(HOUR, || {});
    let inner = reactor.clone();
    reactor.call_later(Duration::ZERO, move || act(&inner));
    reactor.turn(None).unwrap();
    reactor.now()
}

#[test]
fn a_turn_does_not_wait_when_one_inside_it_has_run_the_call_that_was_to_wake_it() {
    let ran = Rc::new(Cell::new(false));
    let seen = Rc::clone(&ran);
    let time = time_after_a_turn(move |reactor| {
        let called = Arc::new(AtomicBool::new(false));
        let sets = called.clone();
        let set = move |_: &Reactor<Simulated>| {
            sets.store(true, Ordering::Relaxed);
        };
        reactor.remote().call_from_thread(set);
        reactor.turn(Some(Duration::ZERO)).unwrap();
        seen.set(called.load(Ordering::Relaxed));
    });
    assert!(ran.get(), "the inner turn runs the call");
    assert!(time < HOUR, "{time:?}");
}

#[test]
fn a_turn_without_another_inside_it_waits_for_the_next_timer() {
    assert!(time_after_a_turn(|_| {}) >= HOUR);
}
