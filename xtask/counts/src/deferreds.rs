//! Deferreds: the pair, chains, a Deferred for a Deferred, a cancellation.
//!
//! Invariant: what goes in is hidden from the compiler and what comes out is used, so nothing is
//! worked out beforehand.

use std::hint::black_box;

use deferred::{Cancelled, Deferred};

/// How long the chains are.
const LINKS: usize = 10;

/// Made, fired and read.
pub(crate) fn pair(repeats: u64) {
    for number in 0..repeats {
        let (deferred, promise) = Deferred::<u64>::new();
        black_box(promise).callback(number);
        read(deferred, number);
    }
}

/// A chain that is built, then fired and read.
pub(crate) fn chain_pending(repeats: u64) {
    for number in 0..repeats {
        let (deferred, promise) = Deferred::<u64>::new();
        let last = chain(deferred);
        black_box(promise).callback(number);
        read(last, number + LINKS as u64);
    }
}

/// A chain that is built on a result which is there.
pub(crate) fn chain_fired(repeats: u64) {
    for number in 0..repeats {
        read(chain(black_box(Deferred::succeed(number))), number + LINKS as u64);
    }
}

/// A callback returns a Deferred that is pending, and fires later.
pub(crate) fn returned(repeats: u64) {
    for number in 0..repeats {
        let (outer, outer_promise) = Deferred::<u64>::new();
        let (inner, inner_promise) = Deferred::<u64>::new();
        let outer = outer.add_callback(move |_| inner);
        black_box(outer_promise).callback(0);
        black_box(inner_promise).callback(number);
        read(outer, number);
    }
}

/// One that is pending is cancelled, and its errback handles that.
pub(crate) fn cancelled(repeats: u64) {
    for number in 0..repeats {
        let (deferred, promise) = Deferred::<u64, Cancelled>::with_canceller(|| None);
        let deferred = deferred.add_errback(move |Cancelled| Ok(number));
        deferred.cancel_handle().cancel();
        assert!(promise.is_cancelled());
        let result = deferred.try_into_result().ok();
        assert!(matches!(result, Some(Ok(read)) if read == number));
    }
}

/// Links that each add one; a loop, so that the compiler doesn't fold them.
fn chain(mut deferred: Deferred<u64>) -> Deferred<u64> {
    for _ in 0..black_box(LINKS) {
        deferred = deferred.add_callback(|number| Ok(number + 1));
    }
    deferred
}

fn read(deferred: Deferred<u64>, number: u64) {
    let result = deferred.try_into_result().ok();
    assert!(matches!(result, Some(Ok(read)) if read == number));
}
