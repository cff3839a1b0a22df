//! Timers of the reactor.
//!
//! Invariant: a thousand others are pending meanwhile, as in a server where each connection has one.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use reactor::Reactor;
use reactor::simulated::{Faults, Simulated};

const OTHERS: u64 = 1000;

/// Asked for and taken back.
pub(crate) fn cancelled(repeats: u64) {
    let reactor = with_others();
    for number in 0..repeats {
        let call = reactor.call_later(Duration::from_millis(number % OTHERS), || ());
        call.cancel().expect("no turn has run it");
    }
}

/// Asked for, and run by the turn that it is due in.
pub(crate) fn fired(repeats: u64) {
    let reactor = with_others();
    let fired = Rc::new(Cell::new(0));
    for _ in 0..repeats {
        let count = fired.clone();
        reactor.call_later(Duration::ZERO, move || count.set(count.get() + 1));
        reactor.turn(Some(Duration::ZERO)).expect("a simulated turn does not fail");
    }
    assert_eq!(fired.get(), repeats);
}

fn with_others() -> Reactor<Simulated> {
    let reactor = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    for number in 0..OTHERS {
        reactor.call_later(Duration::from_secs(1_000_000 + number), || ());
    }
    reactor
}
