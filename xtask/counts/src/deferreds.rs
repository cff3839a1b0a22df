//! Deferreds: the pair, chains, a Deferred for a Deferred, a cancellation, lists, locks, tasks.
//!
//! Invariant: what goes in is hidden from the compiler and what comes out is used, so nothing is
//! worked out beforehand.

use std::hint::black_box;

use deferred::{Cancelled, Deferred, DeferredList, DeferredLock, Promise, TaskRunner};

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

/// A list of ten that fire one after the other.
pub(crate) fn list(repeats: u64) {
    for number in 0..repeats {
        let pairs: (Vec<Deferred<u64>>, Vec<Promise<u64>>) =
            (0..black_box(LINKS)).map(|_| Deferred::new()).unzip();
        let (members, promises) = pairs;
        let all = DeferredList::new(members).collect();
        for promise in promises {
            promise.callback(number);
        }
        let results = all.try_into_result().ok().and_then(Result::ok);
        assert!(results.is_some_and(|it| it.into_results().len() == LINKS));
    }
}

/// A lock is taken for a function, and given back.
pub(crate) fn locked(repeats: u64) {
    let lock = DeferredLock::new();
    for number in 0..repeats {
        read(lock.run(move || Ok(number)), number);
    }
}

/// A task without a reactor that waits once.
pub(crate) fn task(repeats: u64) {
    let runner = TaskRunner::new();
    for number in 0..repeats {
        let (deferred, promise) = Deferred::<u64>::new();
        let done = runner.spawn(async move { Ok(deferred.await? + 1) });
        runner.run();
        black_box(promise).callback(number);
        runner.run();
        read(done, number + 1);
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
