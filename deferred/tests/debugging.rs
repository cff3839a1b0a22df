//! Where failures and promises were made and fired, and that recording it changes nothing else.

#[path = "suite/support/mod.rs"]
mod support;

use std::sync::{Mutex, PoisonError};

use ropewalk_deferred::{
    Cancelled, Deferred, Failure, Promise, TaskRunner, debugging, maybe_deferred, set_debugging,
};
use support::{Boom, boom_in, reports};

/// There is one switch in a process.
static SWITCH: Mutex<()> = Mutex::new(());

/// Runs `f` with the switch turned on or off; no other test turns it meanwhile.
fn with_debugging<R>(on: bool, f: impl FnOnce() -> R) -> R {
    let _alone = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let before = set_debugging(on);
    let result = f();
    set_debugging(before);
    result
}

/// The line where a failure was made, in this file.
fn line_of(failure: &Failure) -> u32 {
    let place = failure.location().expect("places are recorded");
    assert_eq!(place.file(), file!());
    place.line()
}

#[test]
fn a_failure_knows_the_line_however_it_is_made() {
    fn question_mark() -> (Result<(), Failure>, u32) {
        fn fails() -> Result<(), Failure> {
            Err(Boom("x"))?;
            Ok(())
        }
        (fails(), line!() - 3)
    }
    with_debugging(true, || {
        let (made, line) = (Failure::new(Boom("x")), line!());
        assert_eq!(line_of(&made), line);
        let (made, line): (Failure, _) = (Boom("x").into(), line!());
        assert_eq!(line_of(&made), line);
        let (made, line) = (Failure::from(Boom("x")), line!());
        assert_eq!(line_of(&made), line);
        let (made, line) = question_mark();
        assert_eq!(line_of(&made.unwrap_err()), line);
    });
}

/// A bug once: the place was that of `errback` itself.
#[test]
fn a_failure_knows_the_line_where_it_was_given_to_a_promise() {
    with_debugging(true, || {
        let (deferred, promise) = Deferred::<u32>::new();
        let line = line!() + 1;
        promise.errback(Boom("x"));
        assert_eq!(line_of(&deferred.try_into_result().unwrap().unwrap_err()), line);
        let (deferred, line) = (Deferred::<u32>::fail(Boom("x")), line!());
        assert_eq!(line_of(&deferred.try_into_result().unwrap().unwrap_err()), line);
    });
}

/// deferred-049: of the two places in Twisted's error, the one where it was made. It can't be fired
/// twice, but not at all.
#[test]
fn a_promise_dropped_unfired_says_where_it_was_made() {
    with_debugging(true, || {
        for kind in 0..3 {
            let ((_deferred, promise), line) = match kind {
                0 => (Deferred::<u32>::new(), line!()),
                1 => (Deferred::<u32>::with_canceller(|| None), line!()),
                _ => (Deferred::<u32>::with_cooperative_canceller(|| {}), line!()),
            };
            let text = reports(|| drop(promise)).concat();
            assert!(text.contains(&format!("made at {}:{line}:", file!())), "{text}");
        }
    });
}

/// Fires a promise in one of the ways there are; returns the line.
fn fire(promise: Promise<u32>, way: usize) -> u32 {
    let (inner, inner_promise) = Deferred::<u32>::new();
    let failure = Failure::new(Boom("made before"));
    match way {
        0 => (promise.callback(1), line!()),
        1 => (promise.errback(Boom("x")), line!()),
        2 => (promise.errback(failure), line!()),
        3 => (promise.fire(Ok(1)), line!()),
        4 => (promise.fire(Err(failure)), line!()),
        // Fired by the end of another chain, which is pending or has fired.
        5 => {
            inner.chain_deferred(promise);
            (inner_promise.callback(1), line!())
        }
        6 => {
            inner_promise.callback(1);
            (inner.chain_deferred(promise), line!())
        }
        _ => unreachable!("there are seven ways"),
    }
    .1
}

/// deferred-049: both places of Twisted's error, for each way to fire and each callback that fails.
#[test]
fn an_unhandled_failure_tells_where_its_deferred_was_fired_in_each_way() {
    with_debugging(true, || {
        for way in 0..7 {
            for failing in 0..3 {
                let (deferred, promise) = Deferred::<u32>::new();
                let fails = |result: Result<u32, Failure>| {
                    Err::<u32, _>(match result {
                        Ok(_) => Boom("callback").into(),
                        Err(failure) => failure,
                    })
                };
                let end = match failing {
                    0 => deferred.add_both(fails),
                    1 => deferred.add_callback(Ok).add_both(fails).add_callback(Ok),
                    _ => deferred.add_both(move |result| maybe_deferred(|| fails(result))),
                };
                let mut line = 0;
                let text = reports(|| {
                    line = fire(promise, way);
                    drop(end);
                })
                .concat();
                let place = format!("fired at {}:{line}:", file!());
                assert!(text.contains(&place), "way {way}, {failing}: {text}");
                assert!(text.contains("(made at "), "{text}");
            }
        }
    });
}

/// The place is that of the call which fired the Deferred that the callback waits for, as the failure
/// comes from there.
#[test]
fn a_failure_of_an_awaited_or_returned_deferred_keeps_the_place_where_that_was_fired() {
    with_debugging(true, || {
        let (outer, outer_promise) = Deferred::<u32>::new();
        let (inner, promise) = Deferred::<u32>::new();
        let outer = outer.add_callback(move |_| inner);
        outer_promise.callback(1);
        let line = line!() + 1;
        promise.errback(Boom("x"));
        assert_eq!(fired_line_of(outer), line);

        let (outer, outer_promise) = Deferred::<u32>::new();
        let (inner, line) = (Deferred::<u32>::fail(Boom("x")), line!());
        let outer = outer.add_callback(move |_| inner);
        outer_promise.callback(1);
        assert_eq!(fired_line_of(outer), line);

        let runner = TaskRunner::new();
        let (inner, promise) = Deferred::<u32>::new();
        let task = runner.spawn(async move { Ok::<u32, Failure>(inner.await? + 1) });
        let line = line!() + 1;
        promise.errback(Boom("x"));
        runner.run();
        assert_eq!(fired_line_of(task), line);
    });
}

#[test]
fn a_failure_that_fires_several_deferreds_has_a_place_in_each() {
    with_debugging(true, || {
        let failure = Failure::new(Boom("shared"));
        let [(one, first), (other, second)] = [Deferred::<u32>::new(), Deferred::<u32>::new()];
        let line = line!() + 1;
        first.errback(failure.clone());
        second.errback(failure.clone());
        assert_eq!(fired_line_of(other), line + 1);
        let again = one.try_into_result().unwrap().unwrap_err();
        assert_eq!(again.fired_at().map(|place| place.line()), Some(line));
        let (third, promise) = Deferred::<u32>::new();
        promise.errback(again);
        assert_eq!(fired_line_of(third), line + 6);
        assert!(failure.fired_at().is_none(), "the one it was cloned from was not fired");
        assert_eq!(line_of(&failure), line - 3);
    });
}

fn fired_line_of(deferred: Deferred<u32>) -> u32 {
    let result = deferred.try_into_result().expect("it has fired");
    let failure = result.expect_err("it was fired with an error");
    let place = failure.fired_at().expect("places are recorded");
    assert_eq!(place.file(), file!());
    place.line()
}

#[test]
fn an_unhandled_error_says_where_it_was_made() {
    with_debugging(true, || {
        let mut line = 0;
        let text = reports(|| {
            line = line!() + 1;
            drop(Deferred::<u32>::fail(Boom("x")));
        })
        .concat();
        for place in ["boom x (made at", ", fired at"] {
            assert!(text.contains(&format!("{place} {}:{line}:", file!())), "{text}");
        }
    });
}

/// deferred-049, failure-006
#[test]
fn while_the_switch_is_off_there_are_no_places() {
    with_debugging(false, || {
        assert!(Failure::new(Boom("x")).location().is_none());
        let text = reports(|| {
            let (_deferred, promise) = Deferred::<u32>::new();
            drop(promise);
            drop(Deferred::<u32>::fail(Boom("x")));
            let (deferred, promise) = Deferred::<u32>::new();
            promise.callback(1);
            drop(deferred.add_callback(|_| Err::<u32, _>(Boom("x").into())));
        })
        .concat();
        assert!(!text.contains("made at") && !text.contains("fired at"), "{text}");
    });
}

/// deferred-050
#[test]
fn turning_the_switch_at_any_moment_changes_no_result() {
    for turns in 0..16_u32 {
        with_debugging(false, || {
            let turn = |at: u32| set_debugging(turns >> at & 1 == 1);
            turn(0);
            let (deferred, promise) = Deferred::<u32>::new();
            turn(1);
            let deferred = deferred.add_callback(|_| Err::<u32, _>(Boom("x").into()));
            turn(2);
            promise.callback(1);
            turn(3);
            let deferred = deferred.add_errback(|failure| Ok(boom_in(&failure).len() as u32));
            assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
        });
    }
}

#[test]
fn the_switch_answers_how_it_was() {
    with_debugging(false, || {
        assert!(!debugging());
        assert!(!set_debugging(true));
        assert!(debugging());
        assert!(set_debugging(false));
    });
}

/// deferred-047
#[test]
fn log_error_tells_the_hook_once_and_passes_the_same_error_on() {
    for pending in [true, false] {
        let failure = Failure::new(Boom("x"));
        let address = std::ptr::from_ref(failure.as_error()).cast::<()>();
        let reported = reports(|| {
            let deferred = match pending {
                true => {
                    let (deferred, promise) = Deferred::<u32>::new();
                    let deferred = deferred.log_error();
                    promise.errback(failure);
                    deferred
                }
                false => Deferred::<u32>::fail(failure).log_error(),
            };
            let failure = deferred.try_into_result().unwrap().unwrap_err();
            assert_eq!(std::ptr::from_ref(failure.as_error()).cast::<()>(), address);
        });
        assert_eq!(reported.len(), 1);
        assert!(reported[0].starts_with("error in Deferred<u32>: boom x"), "{reported:?}");
    }
}

#[test]
fn log_error_lets_a_value_pass_without_a_word() {
    let reported = reports(|| {
        let deferred = Deferred::<u32>::succeed(1).log_error();
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn an_error_that_was_logged_and_then_dropped_is_reported_as_unhandled_too() {
    let reported = reports(|| drop(Deferred::<u32, Cancelled>::fail(Cancelled).log_error()));
    assert_eq!(
        reported,
        ["error in Deferred<u32>: Cancelled", "unhandled error in Deferred<u32>: Cancelled"]
    );
}
