//! Callbacks and errbacks in a row: which one runs, when, and with what.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{Boom, Log, OnDrop, boom_in};
use ropewalk_deferred::{Cancelled, Deferred, Failure, IntoDeferred};

#[test]
fn a_question_mark_and_a_plain_ok_need_no_annotation_in_a_callback() {
    let (deferred, promise) = Deferred::<&'static str>::new();
    let deferred = deferred
        .add_callback(|text| {
            let number: u32 = text.parse::<u32>()?;
            Ok(number + 1)
        })
        .add_callback(|number| Deferred::succeed(number * 2))
        .add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok(7)
        })
        .add_both(|outcome| outcome.map(|number| number + 1))
        .add_errback(Err::<_, Failure>);
    promise.callback("20");
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 43);
}

/// deferred-001
#[test]
fn a_callback_runs_once_inside_the_firing_call() {
    let log = Log::default();
    let (deferred, promise) = Deferred::<&str>::new();
    let (seen, failed) = (log.clone(), log.clone());
    deferred.add_callbacks(
        move |text| {
            seen.note(text);
            Ok(())
        },
        move |_| {
            failed.note("error");
            Ok(())
        },
    );
    assert!(log.take().is_empty());
    promise.callback("hello");
    assert_eq!(log.take(), ["hello"]);
}

/// deferred-003
#[test]
fn the_next_callback_gets_what_the_one_before_returned() {
    let log = Log::default();
    let (deferred, promise) = Deferred::<u32>::new();
    let (first, second) = (log.clone(), log.clone());
    deferred
        .add_callback(move |n| {
            first.note(format!("first {n}"));
            Ok(n + 1)
        })
        .add_callback(move |n| {
            second.note(format!("second {n}"));
            Ok(())
        });
    promise.callback(1);
    assert_eq!(log.take(), ["first 1", "second 2"]);
}

/// deferred-004
#[test]
fn an_error_passes_a_callback_by_and_stays_the_same_error() {
    let error = Failure::new(Boom("a"));
    let address = std::ptr::from_ref(error.as_error()).cast::<()>();
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_callback(|_| -> Result<u32, _> { panic!("not for errors") });
    promise.errback(error);
    let error = deferred.try_into_result().unwrap().unwrap_err();
    assert_eq!(std::ptr::from_ref(error.as_error()).cast::<()>(), address);
}

/// deferred-004, the other way round
#[test]
fn a_value_passes_an_errback_by() {
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_errback(|_| -> Result<u32, _> { panic!("not for values") });
    promise.callback(5);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 5);
}

/// deferred-005, deferred-006, deferred-007
#[test]
fn a_callback_runs_at_once_when_the_result_is_there() {
    let log = Log::default();
    let (fired, promise) = Deferred::<u32>::new();
    promise.callback(2);
    for deferred in [Deferred::succeed(1), fired, Deferred::fail(Boom("3"))] {
        assert!(deferred.is_fired());
        let (seen, failed) = (log.clone(), log.clone());
        let deferred = deferred
            .add_callback(move |n| {
                seen.note(format!("{n}"));
                Ok(())
            })
            .add_errback(move |failure| {
                failed.note(boom_in(&failure));
                Ok(())
            });
        assert!(deferred.is_fired());
    }
    assert_eq!(log.take(), ["1", "2", "3"]);
}

/// deferred-010, deferred-011
#[test]
fn a_callback_that_returns_an_error_changes_the_rail() {
    for pending in [true, false] {
        let (deferred, promise) = Deferred::<u32>::new();
        let promise = if pending {
            Some(promise)
        } else {
            promise.callback(1);
            None
        };
        let deferred = deferred
            .add_callback(|_| Err::<u32, _>(Boom("raised").into()))
            .add_callback(|_| -> Result<u32, _> { panic!("skipped") })
            .add_errback(|failure| Ok(boom_in(&failure).len() as u32));
        if let Some(promise) = promise {
            promise.callback(1);
        }
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 6);
    }
}

#[test]
fn of_add_callbacks_one_runs_and_its_error_is_not_seen_by_the_other() {
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_callbacks(
        |_| Err::<u32, _>(Boom("from the callback").into()),
        |_| -> Result<u32, _> { panic!("beside it, not behind it") },
    );
    promise.callback(1);
    let failure = deferred.try_into_result().unwrap().unwrap_err();
    assert_eq!(boom_in(&failure), "from the callback");
}

#[test]
fn add_both_sees_either() {
    for fire in [Ok(1), Err(Failure::new(Boom("x")))] {
        let good = fire.is_ok();
        let (deferred, promise) = Deferred::<u32>::new();
        let deferred = deferred.add_both(|outcome| Ok(outcome.is_ok()));
        promise.fire(fire);
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), good);
    }
}

#[test]
fn map_err_changes_the_error_type_of_a_pending_deferred() {
    let (deferred, promise) = Deferred::<u32, Cancelled>::new();
    let deferred: Deferred<u32> = deferred.map_err(Failure::new);
    promise.errback(Cancelled);
    assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// deferred-026, deferred-027: added from inside, it runs after the one that adds it.
#[test]
fn a_callback_added_from_inside_a_running_one_runs_after_it() {
    let log = Log::default();
    let tail = Rc::new(RefCell::new(None::<Deferred<u32>>));
    let (deferred, promise) = Deferred::<u32>::new();
    let (inside, adds) = (log.clone(), tail.clone());
    *tail.borrow_mut() = Some(deferred.add_callback(move |n| {
        let own = adds.take().expect("it was left there");
        let added = inside.clone();
        let own = own.add_callback(move |n| {
            added.note("added");
            Ok(n * 10)
        });
        *adds.borrow_mut() = Some(own);
        inside.note("still running");
        Ok(n + 1)
    }));
    promise.callback(1);
    assert_eq!(log.take(), ["still running", "added"]);
    assert_eq!(tail.take().unwrap().try_into_result().unwrap().unwrap(), 20);
}

/// deferred-028
#[test]
fn an_error_of_a_callback_added_from_inside_reaches_the_errback_added_later() {
    let tail = Rc::new(RefCell::new(None::<Deferred<u32>>));
    let (deferred, promise) = Deferred::<u32>::new();
    let adds = tail.clone();
    *tail.borrow_mut() = Some(deferred.add_callback(move |n| {
        let own = adds.take().expect("it was left there");
        *adds.borrow_mut() = Some(own.add_callback(|_| Err::<u32, _>(Boom("late").into())));
        Ok(n)
    }));
    promise.callback(1);
    let log = Log::default();
    let seen = log.clone();
    tail.take().unwrap().add_errback(move |failure| {
        seen.note(boom_in(&failure));
        Ok(0)
    });
    assert_eq!(log.take(), ["late"]);
}

#[test]
fn a_callback_may_fire_another_promise() {
    let log = Log::default();
    let (one, one_promise) = Deferred::<u32>::new();
    let (two, two_promise) = Deferred::<u32>::new();
    let (a, b, c) = (log.clone(), log.clone(), log.clone());
    two.add_callback(move |n| {
        a.note(format!("two {n}"));
        Ok(())
    });
    one.add_callback(move |n| {
        two_promise.callback(n);
        b.note("fired two");
        Ok(())
    })
    .add_callback(move |()| {
        c.note("after");
        Ok(())
    });
    one_promise.callback(1);
    assert_eq!(log.take(), ["two 1", "fired two", "after"]);
}

/// deferred-052: what a callback captures is dropped as soon as it has run or was passed by, before
/// the next one runs.
#[test]
fn a_callback_is_dropped_before_the_next_one_runs() {
    let log = Log::default();
    let (deferred, promise) = Deferred::<u32>::new();
    let capture = |name: &'static str| {
        let log = log.clone();
        OnDrop(move || log.note(name))
    };
    let (ran, passed, last) = (capture("ran"), capture("passed by"), log.clone());
    deferred
        .add_callback(move |n| {
            let _captured = &ran;
            Ok(n)
        })
        .add_errback(move |failure| {
            let _captured = &passed;
            Err(failure)
        })
        .add_callback(move |_| {
            last.note("last");
            Ok(())
        });
    promise.callback(1);
    assert_eq!(log.take(), ["ran", "passed by", "last"]);
}

/// deferred-059
#[test]
fn a_deferred_becomes_itself() {
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.into_deferred();
    promise.callback(1);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
}

/// deferred-057
#[test]
fn dropping_the_last_deferred_of_a_chain_cancels_nothing() {
    let log = Log::default();
    let (deferred, promise) = Deferred::<u32>::new();
    let seen = log.clone();
    drop(deferred.add_callback(move |n| {
        seen.note(format!("{n}"));
        Ok(())
    }));
    assert!(!promise.is_cancelled());
    promise.callback(1);
    assert_eq!(log.take(), ["1"]);
}

#[test]
fn debug_shows_pending_while_the_callback_runs() {
    let tail = Rc::new(RefCell::new(None::<Deferred<u32>>));
    let (deferred, promise) = Deferred::<u32>::new();
    let shown = tail.clone();
    *tail.borrow_mut() = Some(deferred.add_callback(move |n| {
        let own = shown.take().expect("it was left there");
        assert_eq!(format!("{own:?}"), "Deferred(pending)");
        *shown.borrow_mut() = Some(own);
        Ok(n)
    }));
    promise.callback(1);
    let own = tail.take().expect("it was put back");
    assert_eq!(own.try_into_result().unwrap().unwrap(), 1);
}

/// deferred-038
#[test]
fn debug_shows_pending_waiting_and_the_result() {
    let (outer, outer_promise) = Deferred::<u32>::new();
    let (inner, inner_promise) = Deferred::<u32>::new();
    assert_eq!(format!("{outer:?}"), "Deferred(pending)");
    let outer = outer.add_callback(|_| inner);
    assert_eq!(format!("{outer:?}"), "Deferred(pending)");
    outer_promise.callback(0);
    assert_eq!(format!("{outer:?}"), "Deferred(waits for another)");
    inner_promise.callback(5);
    assert_eq!(format!("{outer:?}"), "Deferred(Ok(5))");
    assert_eq!(outer.try_into_result().unwrap().unwrap(), 5, "showing it did not take it");
    let failed = Deferred::<u32, Cancelled>::fail(Cancelled);
    assert_eq!(format!("{failed:?}"), "Deferred(Err(Cancelled))");
    failed.try_into_result().unwrap().unwrap_err();
}
