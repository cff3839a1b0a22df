//! Pausing: what is held back, how long, and what happens to it meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Boom, Log, OnDrop, Task, boom_in, reports};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, PauseHandle};

/// deferred-008
#[test]
fn an_errback_added_while_a_failed_deferred_is_paused_runs_when_it_is_unpaused() {
    let log = Log::default();
    let seen = log.clone();
    let (deferred, handle) = Deferred::<u32>::fail(Boom("original")).pausable();
    handle.pause();
    let deferred = deferred.add_errback(move |failure| {
        seen.note(boom_in(&failure));
        Ok(0)
    });
    assert!(log.take().is_empty() && !deferred.is_fired());
    handle.unpause();
    assert_eq!(log.take(), ["original"]);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 0);
}

/// deferred-008: a bug once. What had come through the gate was out of its reach.
#[test]
fn a_result_that_has_come_through_and_was_not_taken_is_held_again() {
    for handles in 1..3 {
        let (mut deferred, promise) = Deferred::<u32>::new();
        let mut gates = Vec::new();
        for _ in 0..handles {
            let (next, handle) = deferred.pausable();
            deferred = next;
            gates.push(handle);
        }
        promise.callback(5);
        assert!(deferred.is_fired());
        let last = gates.last().unwrap();
        last.pause();
        assert!(!deferred.is_fired());
        let deferred = deferred.add_callback(|n| Ok(n + 1));
        assert!(!deferred.is_fired());
        last.unpause();
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 6);
    }
}

/// deferred-012
#[test]
fn an_outer_waits_for_a_returned_deferred_that_is_pending_and_paused() {
    let (inner, inner_promise) = Deferred::<u32>::new();
    let (inner, handle) = inner.pausable();
    handle.pause();
    let outer = Deferred::<()>::succeed(()).add_callback(|()| inner).add_callback(|n| Ok(n * 10));
    assert!(!outer.is_fired());
    inner_promise.callback(2);
    assert!(!outer.is_fired());
    handle.unpause();
    assert_eq!(outer.try_into_result().unwrap().unwrap(), 20);
}

/// deferred-014
#[test]
fn an_outer_waits_for_a_returned_deferred_that_has_fired_and_is_paused() {
    let (outer, outer_promise) = Deferred::<()>::new();
    let (inner, handle) = Deferred::<u32>::succeed(2).pausable();
    handle.pause();
    let outer = outer.add_callback(|()| inner).add_callback(|n| Ok(n * 10));
    outer_promise.callback(());
    assert!(!outer.is_fired());
    handle.unpause();
    assert_eq!(outer.try_into_result().unwrap().unwrap(), 20);
}

/// deferred-015, deferred-016: the inner's own callbacks run in that fire, the outer's do not.
#[test]
fn an_outer_that_is_paused_stays_where_it_is_when_the_inner_fires() {
    let log = Log::default();
    let (own, next) = (log.clone(), log.clone());
    let (inner, inner_promise) = Deferred::<&str>::new();
    let inner = inner.add_callback(move |text| {
        own.note(format!("inner {text}"));
        Ok(text)
    });
    let (outer, handle) = Deferred::<()>::succeed(()).add_callback(|()| inner).pausable();
    handle.pause();
    outer.add_callback(move |text| {
        next.note(format!("outer {text}"));
        Ok(())
    });
    inner_promise.callback("x");
    assert_eq!(log.take(), ["inner x"]);
    handle.unpause();
    assert_eq!(log.take(), ["outer x"]);
}

#[test]
fn pauses_nest_and_an_unpause_too_many_does_nothing() {
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred.pausable();
    handle.unpause();
    handle.pause();
    handle.pause();
    promise.callback(1);
    handle.unpause();
    assert!(handle.is_paused() && !deferred.is_fired());
    handle.unpause();
    handle.unpause();
    assert!(!handle.is_paused() && deferred.is_fired());
    handle.pause();
    assert!(handle.is_paused() && !deferred.is_fired(), "no unpause is saved up");
    drop(handle);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
}

#[test]
fn without_a_pause_everything_passes() {
    for fired in [true, false] {
        let (deferred, promise) = Deferred::<u32>::new();
        let (deferred, _handle) = match fired {
            true => Deferred::succeed(1).pausable(),
            false => deferred.pausable(),
        };
        promise.callback(1);
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
    }
}

#[test]
fn dropping_the_handle_undoes_all_its_pauses() {
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred.pausable();
    handle.pause();
    handle.pause();
    let deferred = deferred.add_callback(|n| Ok(n + 1));
    promise.callback(1);
    assert!(!deferred.is_fired());
    drop(handle);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 2);

    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred.pausable();
    handle.pause();
    drop(handle);
    promise.callback(1);
    assert!(deferred.is_fired(), "there is nobody left who could unpause it");
}

#[test]
fn callbacks_before_the_place_run_and_those_behind_it_wait() {
    let log = Log::default();
    let note = |name: &'static str| {
        let log = log.clone();
        move |n: u32| {
            log.note(format!("{name} {n}"));
            Ok(n + 1)
        }
    };
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, first) = deferred.add_callback(note("a")).pausable();
    let (deferred, second) = deferred.add_callback(note("b")).pausable();
    deferred.add_callback(note("c"));
    first.pause();
    second.pause();
    promise.callback(1);
    assert_eq!(log.take(), ["a 1"]);
    first.unpause();
    assert_eq!(log.take(), ["b 2"]);
    second.unpause();
    assert_eq!(log.take(), ["c 3"]);
}

#[test]
fn a_pause_from_inside_the_callback_before_it_holds_what_that_returns() {
    let log = Log::default();
    let seen = log.clone();
    let kept = Rc::new(RefCell::new(None::<PauseHandle>));
    let inside = kept.clone();
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred
        .add_callback(move |n| {
            let handle = inside.take().expect("it was left there");
            handle.pause();
            *inside.borrow_mut() = Some(handle);
            Ok(n)
        })
        .pausable();
    *kept.borrow_mut() = Some(handle);
    deferred.add_callback(move |n| {
        seen.note(format!("{n}"));
        Ok(())
    });
    promise.callback(1);
    assert!(log.take().is_empty());
    let handle = kept.take().expect("it was put back");
    handle.unpause();
    assert_eq!(log.take(), ["1"]);
}

#[test]
fn a_cancellation_goes_through_a_paused_place_to_what_is_still_pending() {
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred.pausable();
    let deferred = deferred.add_errback(|failure| {
        assert!(failure.check::<Cancelled>());
        Ok(9)
    });
    handle.pause();
    deferred.cancel_handle().cancel();
    assert!(promise.is_cancelled() && !deferred.is_fired());
    handle.unpause();
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 9);
}

#[test]
fn a_result_that_is_held_can_not_be_cancelled_any_more() {
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let (deferred, promise) = Deferred::<u32>::with_canceller(move || {
        counted.set(counted.get() + 1);
        None
    });
    let (deferred, handle) = deferred.pausable();
    let deferred = deferred.add_callback(|n| Ok(n + 1));
    handle.pause();
    promise.callback(1);
    let cancel: CancelHandle = deferred.cancel_handle();
    cancel.cancel();
    assert!(!deferred.is_fired());
    handle.unpause();
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 2);
    assert_eq!(calls.get(), 0);
}

#[test]
fn an_error_that_is_held_is_reported_once_when_nobody_can_take_it_any_more() {
    for deferred_first in [true, false] {
        let mut told_early = Vec::new();
        let reported = reports(|| {
            let (deferred, promise) = Deferred::<u32>::new();
            let (deferred, handle) = deferred.pausable();
            handle.pause();
            promise.errback(Boom("x"));
            told_early = match deferred_first {
                true => reports(|| drop(deferred)),
                false => reports(|| drop(handle)),
            };
        });
        assert!(told_early.is_empty(), "{told_early:?}");
        assert_eq!(reported, ["unhandled error in Deferred<u32>: boom x"]);
    }
}

#[test]
fn a_task_that_waits_behind_a_pause_is_woken_by_the_unpause() {
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred.pausable();
    handle.pause();
    let mut task = Task::new(deferred);
    assert!(task.poll().is_pending());
    promise.callback(1);
    assert_eq!(task.wakes(), 0);
    handle.unpause();
    assert_eq!(task.wakes(), 1);
    handle.pause();
    assert!(task.poll().is_pending(), "held again before the task came to it");
    handle.unpause();
    assert_eq!(task.wakes(), 2);
    assert!(task.poll().is_ready());
}

#[test]
fn what_waits_behind_a_pause_is_freed_with_it() {
    let log = Log::default();
    let dropped = log.clone();
    let captured = OnDrop(move || dropped.note("dropped"));
    let (deferred, promise) = Deferred::<u32>::new();
    let (deferred, handle) = deferred.pausable();
    handle.pause();
    drop(deferred.add_callback(move |n| {
        let _captured = &captured;
        Ok(n)
    }));
    promise.callback(1);
    assert!(log.take().is_empty());
    drop(handle);
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn debug_shows_how_often_it_is_paused_and_that_the_deferred_is_pending() {
    let (deferred, handle) = Deferred::<u32>::succeed(1).pausable();
    handle.pause();
    handle.pause();
    assert_eq!(format!("{handle:?}"), "PauseHandle { pauses: 2 }");
    assert_eq!(format!("{deferred:?}"), "Deferred(pending)");
}
