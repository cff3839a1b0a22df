//! A task on the reactor that waits for a Deferred.
//!
//! Invariant: each task ends before the next one begins.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use reactor::Reactor;
use reactor::simulated::Simulated;

/// Spawned, run to its await, woken by the firing, run to its end, and its Deferred read.
pub(crate) fn awaits_once(repeats: u64) {
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    for number in 0..repeats {
        let (deferred, promise) = Deferred::<u64>::new();
        let sum = Rc::new(Cell::new(0));
        let result = sum.clone();
        drop(reactor.spawn(async move {
            result.set(deferred.await? + 1);
            Ok::<_, Failure>(())
        }));
        reactor.turn(Some(Duration::ZERO)).expect("a simulated turn does not fail");
        promise.callback(number);
        reactor.turn(Some(Duration::ZERO)).expect("a simulated turn does not fail");
        assert_eq!(sum.get(), number + 1);
    }
}
