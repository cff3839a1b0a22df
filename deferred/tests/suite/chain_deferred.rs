//! A promise that is given to another chain, which fires it with its result.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use crate::support::{Boom, Log, Task, boom_in, reports};
use ropewalk_deferred::{Cancelled, Deferred, Promise};

const MANY: u64 = 1_000_000;

#[test]
fn the_promise_is_fired_with_the_result_inside_the_firing_call() {
    for result in [Ok(1), Err(Boom("x"))] {
        let log = Log::default();
        let (own, seen) = (log.clone(), log.clone());
        let (one, promise) = Deferred::<u32>::new();
        let (other, other_promise) = Deferred::<u32>::new();
        one.add_both(move |outcome| {
            own.note("own callback");
            outcome
        })
        .chain_deferred(other_promise);
        other.add_both(move |outcome| {
            seen.note(format!("{:?}", outcome.map_err(|failure| boom_in(&failure))));
            Ok(())
        });
        let shown = format!("{:?}", result.clone().map_err(|boom| boom.0));
        let reported = reports(|| promise.fire(result.map_err(Into::into)));
        assert_eq!(log.take(), ["own callback".to_string(), shown]);
        assert!(reported.is_empty(), "it was moved on: {reported:?}");
    }
}

#[test]
fn a_result_that_is_there_fires_the_promise_at_once() {
    let (other, promise) = Deferred::<u32>::new();
    Deferred::succeed(1).chain_deferred(promise);
    assert_eq!(other.try_into_result().unwrap().unwrap(), 1);

    let (fired, fired_promise) = Deferred::<u32>::new();
    fired_promise.errback(Boom("x"));
    let (other, promise) = Deferred::<u32>::new();
    fired.chain_deferred(promise);
    assert_eq!(boom_in(&other.try_into_result().unwrap().unwrap_err()), "x");
}

/// deferred-036
#[test]
fn debug_says_that_it_waits_for_another_until_that_has_fired() {
    let (one, promise) = Deferred::<u32>::new();
    let (other, other_promise) = Deferred::<u32>::new();
    assert_eq!(format!("{other:?}"), "Deferred(pending)");
    one.chain_deferred(other_promise);
    assert_eq!(format!("{other:?}"), "Deferred(waits for another)");
    promise.callback(1);
    assert_eq!(format!("{other:?}"), "Deferred(Ok(1))");

    let (inner, inner_promise) = Deferred::<u32>::new();
    let (outer, outer_promise) = Deferred::<u32>::new();
    let outer = outer.add_callback(|_| inner);
    outer_promise.callback(0);
    assert_eq!(format!("{outer:?}"), "Deferred(waits for another)", "a returned one, likewise");
    inner_promise.callback(2);
    assert_eq!(format!("{outer:?}"), "Deferred(Ok(2))");
}

#[test]
fn cancelling_the_promises_deferred_calls_its_own_canceller_and_does_not_reach_the_other() {
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let reported = reports(|| {
        let (one, promise) = Deferred::<u32>::new();
        let (other, other_promise) = Deferred::<u32>::with_canceller(move || {
            counted.set(counted.get() + 1);
            None
        });
        one.chain_deferred(other_promise);
        other.cancel_handle().cancel();
        assert!(!promise.is_cancelled());
        assert!(other.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
        promise.errback(Boom("too late"));
    });
    assert_eq!(calls.get(), 1);
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn cancelling_the_first_cancels_the_second_through_it() {
    let (one, promise) = Deferred::<u32>::new();
    let handle = one.cancel_handle();
    let (other, other_promise) = Deferred::<u32>::with_canceller(|| panic!("it only follows"));
    one.chain_deferred(other_promise);
    handle.cancel();
    assert!(promise.is_cancelled());
    assert!(other.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// A bug once, found by the model test: a node that the promise alone knew dropped out, and the
/// handle was taken for the promise's.
#[test]
fn a_handle_of_what_was_chained_reaches_what_its_callback_returned() {
    let (one, promise) = Deferred::<u32>::new();
    let (inner, inner_promise) = Deferred::<u32>::new();
    let one = one.add_callback(|_| inner);
    let handle = one.cancel_handle();
    let (other, other_promise) = Deferred::<u32>::new();
    one.chain_deferred(other_promise);
    promise.callback(0);
    handle.cancel();
    assert!(inner_promise.is_cancelled());
    assert!(other.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn a_promise_that_was_cancelled_before_swallows_what_is_chained_to_it() {
    let reported = reports(|| {
        let (one, promise) = Deferred::<u32>::new();
        let (other, other_promise) = Deferred::<u32>::new();
        other.cancel_handle().cancel();
        one.chain_deferred(other_promise);
        promise.errback(Boom("too late"));
        assert!(other.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn dropping_the_first_promise_cancels_the_second() {
    let reported = reports(|| {
        let (one, promise) = Deferred::<u32>::new();
        let (other, other_promise) = Deferred::<u32>::new();
        one.chain_deferred(other_promise);
        let mut task = Task::new(other);
        assert!(task.poll().is_pending());
        drop(promise);
        assert_eq!(task.wakes(), 1);
    });
    assert_eq!(
        reported,
        [
            "promise of u32 dropped unfired, its Deferred is cancelled",
            "unhandled error in Deferred<u32>: cancelled"
        ]
    );
}

/// A million Deferreds, each chained to the promise of the next one.
fn chained() -> (Promise<u64>, Deferred<u64>) {
    let (mut last, first) = Deferred::<u64>::new();
    for _ in 0..MANY {
        let (next, promise) = Deferred::<u64>::new();
        last.add_callback(|n| Ok(n + 1)).chain_deferred(promise);
        last = next;
    }
    (first, last)
}

/// How a million is brought to its end.
type Ending = fn(Promise<u64>, Deferred<u64>);

#[test]
#[cfg_attr(miri, ignore = "it takes too many rounds")]
fn a_million_chained_one_to_the_next_need_no_stack() {
    const ENDINGS: [Ending; 4] = [
        |first, last| {
            first.callback(0);
            assert_eq!(last.try_into_result().unwrap().unwrap(), MANY);
        },
        |first, last| {
            first.errback(Cancelled);
            assert!(last.try_into_result().unwrap().is_err());
        },
        |first, last| {
            drop(last);
            drop(first);
        },
        |first, last| {
            drop(first);
            assert!(last.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
        },
    ];
    let small = thread::Builder::new().stack_size(256 * 1024).spawn(|| {
        for ending in ENDINGS {
            let (first, last) = chained();
            ending(first, last);
        }
    });
    small.expect("a thread").join().expect("no panic in it");
}
