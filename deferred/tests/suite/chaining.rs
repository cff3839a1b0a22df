//! Deferreds returned by callbacks: which one waits for which, and the order in which callbacks go on.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{Boom, Log, boom_in, reports};
use ropewalk_deferred::{Cancelled, Deferred};

/// deferred-013
#[test]
fn an_errback_may_return_a_pending_deferred_and_so_recover() {
    let (outer, outer_promise) = Deferred::<&str>::new();
    let (inner, inner_promise) = Deferred::<&str>::new();
    let outer = outer.add_errback(|_| inner).add_callback(|text| Ok(text.len()));
    outer_promise.errback(Boom("a"));
    assert!(!outer.is_fired());
    inner_promise.callback("result");
    assert_eq!(outer.try_into_result().unwrap().unwrap(), 6);
}

/// deferred-030
#[test]
fn a_chain_goes_on_when_the_returned_deferred_fires() {
    let (first, first_promise) = Deferred::<u32>::new();
    let second = Deferred::<()>::succeed(()).add_callback(|()| first).add_callback(|n| Ok(n + 1));
    assert!(!second.is_fired());
    first_promise.callback(4);
    assert_eq!(second.try_into_result().unwrap().unwrap(), 5);
}

/// deferred-031, deferred-054
#[test]
fn the_error_of_a_returned_deferred_moves_outward_and_is_reported_by_nobody() {
    let reported = reports(|| {
        let (outer, promise) = Deferred::<()>::new();
        outer
            .add_callback(|()| Deferred::<u32>::fail(Boom("inner")))
            .add_errback(|failure| Ok(boom_in(&failure).len() as u32));
        promise.callback(());
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferred-032
#[test]
fn the_later_error_of_a_returned_deferred_moves_outward_too() {
    let log = Log::default();
    let reported = reports(|| {
        let (outer, outer_promise) = Deferred::<()>::new();
        let (inner, inner_promise) = Deferred::<u32>::new();
        let (failed, went_on) = (log.clone(), log.clone());
        outer
            .add_callback(|()| inner)
            .add_errback(move |failure| {
                failed.note(boom_in(&failure));
                Ok(7)
            })
            .add_callback(move |n| {
                went_on.note(format!("{n}"));
                Ok(())
            });
        outer_promise.callback(());
        inner_promise.errback(Boom("inner"));
    });
    assert_eq!(log.take(), ["inner", "7"]);
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferred-033, deferred-035, deferred-040
#[test]
fn chaining_is_transitive_whatever_fires_first() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (a, a_promise) = Deferred::<Vec<u32>>::new();
        let (b, b_promise) = Deferred::<Vec<u32>>::new();
        let (c, c_promise) = Deferred::<Vec<u32>>::new();
        let c = c.add_callback(|list| Ok([list, vec![10]].concat()));
        let b = b.add_callback(|_| c).add_callback(|list| Ok([list, vec![20]].concat()));
        let a = a.add_callback(|_| b).add_callback(|list| Ok([list, vec![30]].concat()));
        let mut promises = [Some(a_promise), Some(b_promise), Some(c_promise)];
        for (nth, index) in order.into_iter().enumerate() {
            assert!(!a.is_fired(), "{order:?} before {nth}");
            promises[index].take().unwrap().callback(vec![index as u32]);
        }
        assert_eq!(a.try_into_result().unwrap().unwrap(), [2, 10, 20, 30], "{order:?}");
    }
}

/// deferred-023, deferred-024, deferred-025
#[test]
fn the_inner_deferreds_own_callbacks_run_before_the_outer_goes_on() {
    let log = Log::default();
    let (pending, pending_promise) = Deferred::<&str>::new();
    let (inner, inner_promise) = Deferred::<()>::new();
    let note = |name: &'static str| {
        let log = log.clone();
        move |text: String| {
            log.note(format!("{name} {text}"));
            Ok(text.clone() + &text)
        }
    };
    let started = log.clone();
    let outer = Deferred::<()>::succeed(()).add_callback({
        let (first, second) = (log.clone(), note("second"));
        move |()| {
            started.note("starts");
            let inner = inner
                .add_callback(move |()| {
                    first.note("first");
                    pending.add_callback(|text| Ok(text.to_string()))
                })
                .add_callback(second);
            inner_promise.callback(());
            inner
        }
    });
    let outer = outer.add_callback(note("final"));
    assert_eq!(log.take(), ["starts", "first"]);
    pending_promise.callback("x");
    assert_eq!(log.take(), ["second x", "final xx"]);
    assert_eq!(outer.try_into_result().unwrap().unwrap(), "xxxx");
}

/// deferred-055
#[test]
fn an_error_that_an_errback_took_is_handled_even_if_that_never_ends() {
    let reported = reports(|| {
        let (inner, inner_promise) = Deferred::<u32>::new();
        let outer = Deferred::<u32>::fail(Boom("taken")).add_errback(|_| inner);
        drop(outer);
        inner_promise.callback(1);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferred-037
#[test]
fn a_callback_that_returns_its_own_deferred_is_cancelled_instead_of_waiting_for_ever() {
    let reported = reports(|| {
        let tail = Rc::new(RefCell::new(None::<Deferred<u32>>));
        let (deferred, promise) = Deferred::<u32>::new();
        let own = tail.clone();
        *tail.borrow_mut() =
            Some(deferred.add_callback(move |_| own.take().expect("it was left there")));
        promise.callback(1);
        assert!(tail.take().is_none());
        assert_eq!(Rc::strong_count(&tail), 1, "the callback is gone");
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: cancelled"]);
}

#[test]
fn a_cancellation_of_a_chain_that_waits_for_itself_comes_back() {
    for handle_kept in [true, false] {
        let tail = Rc::new(RefCell::new(None::<Deferred<u32>>));
        let (deferred, promise) = Deferred::<u32>::new();
        let further_down = tail.clone();
        let first = deferred.add_callback(move |_| further_down.take().expect("it is there"));
        let kept = handle_kept.then(|| first.cancel_handle());
        let last = first.add_callback(|n| Ok(n + 1)).add_callback(|n| Ok(n + 1));
        let handle = last.cancel_handle();
        *tail.borrow_mut() = Some(last);
        promise.callback(1);
        handle.cancel();
        kept.iter().for_each(|handle| handle.cancel());
    }
}

#[test]
fn a_deferred_returned_from_a_callback_can_still_be_cancelled_by_its_own_handle() {
    let (inner, inner_promise) = Deferred::<u32>::new();
    let handle = inner.cancel_handle();
    let (outer, outer_promise) = Deferred::<()>::new();
    let outer = outer.add_callback(|()| inner);
    outer_promise.callback(());
    handle.cancel();
    assert!(inner_promise.is_cancelled());
    assert!(outer.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}
