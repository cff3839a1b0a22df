//! How often it allocates, counted.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use crate::allocations;
use ropewalk_deferred::{Cancelled, Deferred, Promise};
use testkit::live_bytes;

#[test]
fn a_deferred_with_its_promise_is_one_allocation() {
    let (_pair, count) = allocations(Deferred::<[u64; 4]>::new);
    assert_eq!(count, 1);
}

#[test]
fn a_canceller_costs_no_allocation_of_its_own() {
    let large = [1_u64; 20];
    let (_pair, count) = allocations(|| {
        Deferred::<u64, Cancelled>::with_canceller(move || Some(Ok(large.iter().sum())))
    });
    assert_eq!(count, 1);
}

#[test]
fn each_link_is_one_allocation_while_pending_and_firing_makes_none() {
    let ((mut deferred, promise), _) = allocations(Deferred::<u64, Cancelled>::new);
    let large = [1_u64; 20];
    for kind in 0..4 {
        let (next, count) = allocations(|| match kind {
            0 => deferred.add_callback(move |n| Ok(n + large[0])),
            1 => deferred.add_errback(move |_| Ok(large[1])),
            2 => deferred.add_both(move |outcome| outcome.map(|n| n + large[2])),
            _ => deferred.add_callbacks(move |n| Ok(n + large[3]), move |_| Ok(large[3])),
        });
        assert_eq!(count, 1, "kind {kind}");
        deferred = next;
    }
    let (result, count) = allocations(|| {
        promise.callback(1);
        deferred.try_into_result()
    });
    assert_eq!((result.unwrap(), count), (Ok(4), 0));
}

#[test]
fn a_deferred_that_has_fired_allocates_nothing_and_neither_do_its_callbacks() {
    let (result, count) = allocations(|| {
        Deferred::<u64, Cancelled>::succeed(1)
            .add_callback(|n| Ok(n + 1))
            .add_callback(|n| Deferred::succeed(n + 1))
            .add_errback(|_| Ok(0))
            .add_both(|outcome| outcome)
            .add_callback(|_| Err::<u64, _>(Cancelled))
            .add_callbacks(|_| Ok(0), |_| Ok(9))
            .try_into_result()
    });
    assert_eq!((result.unwrap(), count), (Ok(9), 0));
}

#[test]
fn waiting_for_a_returned_deferred_allocates_nothing() {
    let (outer, outer_promise) = Deferred::<u64, Cancelled>::new();
    let (inner, inner_promise) = Deferred::<u64, Cancelled>::new();
    let outer = outer.add_callback(|_| inner);
    let (_, count) = allocations(|| outer_promise.callback(0));
    assert_eq!(count, 0);
    let (_, count) = allocations(|| inner_promise.callback(7));
    assert_eq!((outer.try_into_result().unwrap(), count), (Ok(7), 0));
}

#[test]
fn cancelling_allocates_nothing() {
    let (deferred, _promise) = Deferred::<u64, Cancelled>::new();
    let deferred = deferred.add_callback(|n| Ok(n + 1));
    let (_, count) = allocations(|| deferred.cancel_handle().cancel());
    assert_eq!((deferred.try_into_result().unwrap(), count), (Err(Cancelled), 0));
}

#[test]
fn everything_is_freed() {
    let before = live_bytes();
    {
        let (deferred, promise) = Deferred::<u64, Cancelled>::new();
        let (inner, inner_promise) = Deferred::<u64, Cancelled>::new();
        let handle = deferred.cancel_handle();
        let tail = deferred.add_callback(|_| inner).add_callback(|n| Ok(n + 1));
        promise.callback(1);
        inner_promise.callback(1);
        assert_eq!(tail.try_into_result().unwrap(), Ok(2));
        drop(handle);
    }
    assert_eq!(live_bytes(), before);
}

#[test]
fn everything_is_freed_on_whichever_way_the_result_came() {
    let before = live_bytes();
    {
        let (paused, promise) = Deferred::<u64, Cancelled>::new();
        let (paused, handle) = paused.pausable();
        let paused = paused.add_callback(|n| Ok(n + 1));
        handle.pause();
        promise.callback(1);
        handle.unpause();
        assert_eq!(paused.try_into_result().unwrap(), Ok(2));

        let (first, promise) = Deferred::<u64, Cancelled>::new();
        let (second, second_promise) = Deferred::<u64, Cancelled>::new();
        first.add_callback(|n| Ok(n + 1)).chain_deferred(second_promise);
        let second = second.add_callback(|n| Ok(n + 1));
        promise.callback(1);
        assert_eq!(second.try_into_result().unwrap(), Ok(3));

        let (outer, promise) = Deferred::<u64, Cancelled>::new();
        let (inner, _unfired) = Deferred::<u64, Cancelled>::new();
        let known = outer.add_callback(|_| inner);
        let handle = known.cancel_handle();
        let last = known.add_errback(|Cancelled| Ok(5)).add_both(|outcome| outcome);
        promise.callback(1);
        handle.cancel();
        assert_eq!(last.try_into_result().unwrap(), Ok(5));
    }
    assert_eq!(live_bytes(), before);
}

#[test]
fn what_has_run_is_freed_although_the_last_deferred_is_held() {
    const LARGE: usize = 4096;
    let large = || black_box([1_u8; LARGE]);
    let start = live_bytes();

    let (deferred, promise) = Deferred::<u64, Cancelled>::new();
    let first = large();
    let last = deferred.add_callback(move |n| Ok(n + first.len() as u64)).add_callback(Ok);
    promise.callback(1);
    assert!(live_bytes() - start < LARGE as isize, "a callback before the last");
    assert_eq!(last.try_into_result().unwrap(), Ok(LARGE as u64 + 1));

    let (inner, inner_promise) = Deferred::<u64, Cancelled>::new();
    let captured = large();
    let inner = inner.add_callback(move |n| Ok(n + captured.len() as u64));
    let (outer, outer_promise) = Deferred::<u64, Cancelled>::new();
    let outer = outer.add_callback(move |_| inner);
    outer_promise.callback(0);
    inner_promise.callback(1);
    assert!(live_bytes() - start < LARGE as isize, "an inner Deferred");
    assert_eq!(outer.try_into_result().unwrap(), Ok(LARGE as u64 + 1));
}

type Promises = Rc<RefCell<Option<Promise<u64, Cancelled>>>>;

/// A loop written as recursion: each round waits, and then returns the next round.
fn rounds(left: u64, promise: Promises) -> Deferred<u64, Cancelled> {
    let (round, next) = Deferred::new();
    promise.replace(Some(next));
    round.add_callback(move |n| match left {
        0 => Deferred::succeed(n),
        _ => rounds(left - 1, promise),
    })
}

#[test]
fn a_loop_written_as_recursion_keeps_one_round_in_memory() {
    let promise = Promises::default();
    let deferred = rounds(10_000, promise.clone()).add_callback(|n| Ok(n + 1));
    let run = |count| {
        for _ in 0..count {
            let next = promise.take().expect("each round leaves one");
            next.callback(1);
        }
    };
    run(10);
    let before = live_bytes();
    run(9_000);
    assert_eq!(live_bytes(), before);
    run(991);
    assert_eq!(deferred.try_into_result().unwrap(), Ok(2));
}
