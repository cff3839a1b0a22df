//! Unhandled errors and unfired promises: the hook is told, once.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{Boom, Task, reports};
use ropewalk_deferred::{Cancelled, Deferred};

const BOOM: &str = "unhandled error in Deferred<u32>: boom x";
const DROPPED: &str = "promise of u32 dropped unfired, its Deferred is cancelled";

/// deferred-051
#[test]
fn an_unhandled_error_is_reported_once_when_it_is_dropped() {
    let reported = reports(|| drop(Deferred::<u32>::fail(Boom("x"))));
    assert_eq!(reported, [BOOM], "never pending");

    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        promise.errback(Boom("x"));
        assert_eq!(reports(|| drop(deferred)), [BOOM], "fired and then dropped");
    });
    assert!(reported.is_empty());

    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        drop(deferred.add_callback(Ok).add_callback(Ok));
        promise.errback(Boom("x"));
    });
    assert_eq!(reported, [BOOM], "dropped and then fired");

    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        drop(deferred);
        promise.errback(Boom("x"));
    });
    assert_eq!(reported, [BOOM], "dropped without a callback and then fired");
}

#[test]
fn an_error_that_was_taken_out_is_not_reported() {
    let reported = reports(|| {
        let failed = Deferred::<u32>::fail(Boom("x"));
        assert!(failed.try_into_result().unwrap().is_err());
        Deferred::<u32>::fail(Boom("x")).add_errback(|_| Ok(1));
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferred-051, behind an errback that fails itself
#[test]
fn an_error_that_an_errback_returns_is_reported_instead_of_the_first() {
    let reported = reports(|| {
        Deferred::<u32>::fail(Boom("first")).add_errback(|_| Err::<u32, _>(Boom("x").into()));
    });
    assert_eq!(reported, [BOOM]);
}

/// deferred-057
#[test]
fn a_deferred_that_was_dropped_pending_reports_nothing() {
    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        drop(deferred);
        drop(promise);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn a_promise_dropped_unfired_cancels_who_waits_and_says_so() {
    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        drop(promise);
        assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
    assert_eq!(reported, [DROPPED], "the Deferred is held");

    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        deferred.add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok(0)
        });
        drop(promise);
    });
    assert_eq!(reported, [DROPPED], "a callback waits");

    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        let mut task = Task::new(deferred);
        assert!(task.poll().is_pending());
        drop(promise);
        assert_eq!(task.wakes(), 1);
        assert!(task.poll().is_ready());
    });
    assert_eq!(reported, [DROPPED], "a task waits");
}

#[test]
fn a_promise_dropped_after_the_cancellation_says_nothing() {
    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        deferred.cancel_handle().cancel();
        drop(promise);
        assert!(deferred.try_into_result().unwrap().is_err());
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn errors_and_promises_dropped_by_a_panic_are_reported_too() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let reported = reports(|| {
        let outcomes = log.clone();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let (deferred, promise) = Deferred::<u32>::new();
            deferred.add_both(move |outcome| {
                outcomes.borrow_mut().push(outcome.is_err());
                Ok(())
            });
            let _error = Deferred::<u32>::fail(Boom("x"));
            let _promise = promise;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
    });
    assert_eq!(reported, [DROPPED, BOOM]);
    assert_eq!(log.take(), [true], "the awaiter was cancelled during unwinding");
}
