//! Cancellations that are no news: of what was dropped quietly, of a list's own, of a task that panicked.

use ropewalk_deferred::{
    Cancelled, Deferred, Failure, Promise, TaskRunner, gather_results, quietly,
};

use crate::support::{Boom, reports};

fn waiting() -> (Deferred<u32>, Promise<u32>) {
    let (deferred, promise) = Deferred::<u32>::new();
    (deferred.add_callback(|n| Ok(n + 1)), promise)
}

#[test]
fn a_promise_that_is_dropped_quietly_cancels_its_reader_and_neither_is_reported() {
    let reported = reports(|| {
        let (deferred, promise) = waiting();
        quietly(|| drop(promise));
        let failure = deferred.try_into_result().unwrap().unwrap_err();
        assert!(failure.check::<Cancelled>() && failure.is_quiet());
        let (deferred, promise) = waiting();
        quietly(|| drop(promise));
        drop(deferred.add_callback(|n| Ok(2 * n))); // later, and along a chain
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn outside_of_a_quiet_scope_both_are_reported_also_after_one() {
    let reported = reports(|| {
        quietly(|| ());
        let (deferred, promise) = waiting();
        drop(promise);
        drop(deferred);
    });
    let lines = [
        "promise of u32 dropped unfired, its Deferred is cancelled",
        "unhandled error in Deferred<u32>: cancelled",
    ];
    assert_eq!(reported, lines);
}

#[test]
fn an_error_that_is_no_cancellation_is_reported_from_a_quiet_scope_too() {
    let reported = reports(|| {
        quietly(|| {
            drop(Deferred::<u32>::fail(Boom("x")));
            drop(Deferred::<u32>::fail(Cancelled)); // what else would it be
        });
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: boom x"]);
}

#[test]
fn a_quiet_scope_ends_with_a_panic_and_nests() {
    let reported = reports(|| {
        let caught = std::panic::catch_unwind(|| quietly(|| quietly(|| panic!("on purpose"))));
        assert!(caught.is_err());
        drop(Deferred::<u32>::fail(Cancelled));
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: cancelled"]);
}

#[test]
fn a_list_of_what_was_dropped_quietly_is_no_news_either() {
    let reported = reports(|| {
        let ((one, first), (two, second)) = (waiting(), waiting());
        let both = gather_results([one, two]);
        quietly(|| drop((first, second)));
        drop(both);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn a_task_that_panicked_is_told_by_its_panic_alone() {
    let reported = reports(|| {
        let runner = TaskRunner::new();
        let (go, promise) = Deferred::<u32>::new();
        let task = runner.spawn(async move {
            go.await?;
            panic!("on purpose");
            #[allow(unreachable_code, reason = "it names the type")]
            Ok::<u32, Failure>(0)
        });
        let behind = task.add_callback(|n| Ok(n + 1));
        promise.callback(1);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run()));
        assert!(caught.is_err());
        drop(behind);
    });
    assert!(reported.is_empty(), "{reported:?}");
}
