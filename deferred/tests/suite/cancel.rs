//! Cancelling: who is asked, who decides, and what happens to what comes too late.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Boom, Log, OnDrop, boom_in, reports};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, Promise};

/// A Deferred whose canceller counts its calls.
fn counted(calls: &Rc<Cell<u32>>) -> (Deferred<u32>, Promise<u32>) {
    let calls = calls.clone();
    Deferred::with_canceller(move || {
        calls.set(calls.get() + 1);
        None
    })
}

/// cancel-001
#[test]
fn cancelling_fails_it_at_once_and_runs_no_callback() {
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_callback(|_| -> Result<u32, _> { panic!("cancelled") });
    deferred.cancel_handle().cancel();
    assert!(promise.is_cancelled());
    assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// cancel-002, cancel-003, cancel-006
#[test]
fn what_is_fired_after_a_cancellation_is_swallowed() {
    for late in [Ok(1), Err(Boom("late").into())] {
        for with_canceller in [false, true] {
            let late = match &late {
                Ok(value) => Ok(*value),
                Err(failure) => Err(Clone::clone(failure)),
            };
            let reported = reports(|| {
                let (deferred, promise) =
                    if with_canceller { counted(&Rc::default()) } else { Deferred::new() };
                let handle = deferred.cancel_handle();
                handle.cancel();
                promise.fire(late);
                handle.cancel();
                assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
            });
            assert!(reported.is_empty(), "{reported:?}");
        }
    }
}

/// cancel-004, cancel-005
#[test]
fn the_canceller_runs_once_and_then_the_error_is_cancelled() {
    let (calls, failures) = (Rc::<Cell<u32>>::default(), Rc::<Cell<u32>>::default());
    let (deferred, _promise) = counted(&calls);
    let seen = failures.clone();
    let deferred = deferred.add_errback(move |failure| {
        seen.set(seen.get() + 1);
        failure.trap::<Cancelled>()?;
        Ok(9)
    });
    let handle = deferred.cancel_handle();
    handle.cancel();
    handle.clone().cancel();
    assert_eq!((calls.get(), failures.get()), (1, 1));
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 9);
}

/// cancel-008
#[test]
fn cancelling_after_the_result_does_nothing() {
    for result in [Ok(1), Err(Boom("first"))] {
        let calls = Rc::default();
        let (deferred, promise) = counted(&calls);
        let handle = deferred.cancel_handle();
        promise.fire(result.clone().map_err(Into::into));
        handle.cancel();
        deferred.cancel_handle().cancel();
        assert_eq!(calls.get(), 0);
        let outcome = deferred.try_into_result().unwrap();
        assert_eq!(outcome.map_err(|failure| boom_in(&failure)), result.map_err(|boom| boom.0));
    }
    Deferred::<u32>::succeed(1).cancel_handle().cancel();
}

/// cancel-009, cancel-010
#[test]
fn the_canceller_may_choose_the_outcome() {
    let (good, _promise) = Deferred::<u32>::with_canceller(|| Some(Ok(5)));
    good.cancel_handle().cancel();
    assert_eq!(good.try_into_result().unwrap().unwrap(), 5);
    let (bad, _promise) = Deferred::<u32>::with_canceller(|| Some(Err(Boom("chosen").into())));
    bad.cancel_handle().cancel();
    assert_eq!(boom_in(&bad.try_into_result().unwrap().unwrap_err()), "chosen");
}

/// cancel-007, cancel-009, cancel-010: as in Twisted, by firing.
#[test]
fn the_canceller_may_fire_the_promise_and_then_its_answer_does_not_count() {
    for answer in [None, Some(Ok(2))] {
        let kept = Rc::new(RefCell::new(None::<Promise<u32>>));
        let fires = kept.clone();
        let (deferred, promise) = Deferred::with_canceller(move || {
            let promise = fires.take().expect("it was left there");
            assert!(!promise.is_cancelled(), "it still counts");
            promise.callback(1);
            answer
        });
        *kept.borrow_mut() = Some(promise);
        deferred.cancel_handle().cancel();
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
    }
}

#[test]
fn an_error_that_the_canceller_returns_after_firing_is_reported() {
    let reported = reports(|| {
        let kept = Rc::new(RefCell::new(None::<Promise<u32>>));
        let fires = kept.clone();
        let (deferred, promise) = Deferred::with_canceller(move || {
            fires.take().expect("it was left there").callback(1);
            Some(Err(Boom("second").into()))
        });
        *kept.borrow_mut() = Some(promise);
        deferred.cancel_handle().cancel();
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: boom second"]);
}

#[test]
fn the_canceller_may_drop_the_promise_with_the_work_and_nobody_is_told() {
    let reported = reports(|| {
        let kept = Rc::new(RefCell::new(None::<Promise<u32>>));
        let drops = kept.clone();
        let (deferred, promise) = Deferred::with_canceller(move || {
            drop(drops.take());
            Some(Ok(3))
        });
        *kept.borrow_mut() = Some(promise);
        deferred.cancel_handle().cancel();
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 3);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn the_canceller_may_cancel_again_and_that_does_nothing() {
    let handle = Rc::new(RefCell::new(None::<CancelHandle>));
    let (again, calls) = (handle.clone(), Rc::new(Cell::new(0)));
    let counted = calls.clone();
    let (deferred, _promise) = Deferred::<u32>::with_canceller(move || {
        counted.set(counted.get() + 1);
        let handle = again.take().expect("it was left there");
        handle.cancel();
        Some(Ok(3))
    });
    *handle.borrow_mut() = Some(deferred.cancel_handle());
    deferred.cancel_handle().cancel();
    assert_eq!(calls.get(), 1);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 3, "what it returns counts");
}

/// cancel-011
#[test]
fn cancelling_an_outer_that_waits_for_an_inner_cancels_the_inner() {
    let (outer_calls, inner_calls) = (Rc::default(), Rc::default());
    let (outer, outer_promise) = counted(&outer_calls);
    let (inner, inner_promise) = counted(&inner_calls);
    let outer = outer.add_callback(|_| inner);
    outer_promise.callback(0);
    outer.cancel_handle().cancel();
    assert_eq!((outer_calls.get(), inner_calls.get()), (0, 1));
    assert!(inner_promise.is_cancelled());
    assert!(outer.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// cancel-012: with handles on every level, and with none but the outermost.
#[test]
fn a_cancellation_goes_to_the_innermost_at_any_depth() {
    for handles_kept in [true, false] {
        let mut handles = Vec::new();
        let log = Log::default();
        let (innermost, innermost_promise) = Deferred::<u32>::new();
        let mut deferred = innermost;
        let mut promises = Vec::new();
        for level in 0..5 {
            let (outer, promise) = Deferred::<u32>::with_canceller(|| panic!("not innermost"));
            let (inner, errors) = (deferred, log.clone());
            deferred = outer.add_callback(|_| inner).add_errback(move |failure| {
                errors.note(format!("level {level}"));
                Err(failure)
            });
            if handles_kept {
                handles.push(deferred.cancel_handle());
            }
            promises.push(promise);
        }
        for promise in promises {
            promise.callback(0);
        }
        deferred.cancel_handle().cancel();
        assert!(innermost_promise.is_cancelled());
        assert_eq!(log.take(), ["level 0", "level 1", "level 2", "level 3", "level 4"]);
        assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    }
}

#[test]
fn a_cancellation_reaches_the_inner_after_rounds_of_a_loop_written_as_recursion() {
    fn rounds(left: u32, promises: Rc<RefCell<Vec<Promise<u32>>>>) -> Deferred<u32> {
        let (round, promise) = Deferred::new();
        promises.borrow_mut().push(promise);
        round.add_callback(move |n| match left {
            0 => Deferred::succeed(n),
            _ => rounds(left - 1, promises),
        })
    }
    let promises = Rc::default();
    let deferred = rounds(10, Rc::clone(&promises)).add_callback(|n| Ok(n + 1));
    let handle = deferred.cancel_handle();
    for _ in 0..4 {
        let promise = promises.borrow_mut().pop().unwrap();
        promise.callback(0);
    }
    handle.cancel();
    assert!(promises.borrow()[0].is_cancelled());
    assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn an_errback_may_answer_a_cancellation_by_waiting_and_a_second_one_cancels_that() {
    let (second, second_promise) = Deferred::<u32>::new();
    let (first, first_promise) = Deferred::<u32>::new();
    let deferred = first.add_errback(|failure| {
        assert!(failure.check::<Cancelled>());
        second
    });
    let handle = deferred.cancel_handle();
    handle.cancel();
    assert!(first_promise.is_cancelled() && !second_promise.is_cancelled());
    assert!(!deferred.is_fired());
    handle.cancel();
    assert!(second_promise.is_cancelled());
    assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn cancelling_from_inside_the_callback_that_runs_does_nothing_and_works_afterwards() {
    let kept = Rc::new(RefCell::new(None::<CancelHandle>));
    let inside = kept.clone();
    let (deferred, promise) = Deferred::<u32>::new();
    let (inner, inner_promise) = Deferred::<u32>::new();
    let deferred = deferred
        .add_callback(move |_| {
            let handle = inside.take().expect("it was left there");
            handle.cancel();
            inner
        })
        .add_callback(|n| Ok(n + 1));
    let handle = deferred.cancel_handle();
    *kept.borrow_mut() = Some(handle.clone());
    promise.callback(1);
    assert!(!deferred.is_fired() && !inner_promise.is_cancelled());
    handle.cancel();
    assert!(inner_promise.is_cancelled());
    assert!(deferred.try_into_result().unwrap().is_err());
}

#[test]
fn a_handle_from_the_middle_of_a_chain_reaches_what_the_chain_waits_for() {
    let (deferred, promise) = Deferred::<u32>::new();
    let (inner, inner_promise) = Deferred::<u32>::new();
    let middle = deferred.add_callback(|_| inner);
    let handle = middle.cancel_handle();
    let last = middle.add_callback(|n| Ok(n + 1));
    promise.callback(1);
    handle.cancel();
    assert!(inner_promise.is_cancelled());
    assert!(last.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// deferred-044
#[test]
fn the_canceller_is_dropped_when_the_promise_fires_before_any_callback() {
    for result in [Ok(1), Err(Boom("x").into())] {
        let log = Log::default();
        let (dropped, ran) = (log.clone(), log.clone());
        let canceller = OnDrop(move || dropped.note("canceller dropped"));
        let (deferred, promise) = Deferred::<u32>::with_canceller(move || {
            let _captured = &canceller;
            None
        });
        let (inner, _inner_promise) = Deferred::<u32>::new();
        let _waiting = deferred.add_both(move |_| {
            ran.note("callback");
            inner
        });
        promise.fire(result);
        assert_eq!(log.take(), ["canceller dropped", "callback"]);
    }
}

#[test]
fn a_handle_keeps_nothing_alive() {
    let log = Log::default();
    let dropped = log.clone();
    let captured = OnDrop(move || dropped.note("dropped"));
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_callback(move |n| {
        let _captured = &captured;
        Ok(n)
    });
    let handle = deferred.cancel_handle();
    drop(deferred);
    promise.callback(1);
    assert_eq!(log.take(), ["dropped"]);
    handle.cancel();
}
