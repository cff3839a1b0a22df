//! Deferreds that are awaited.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::support::{Boom, Log, Task, boom_in, reports};
use ropewalk_deferred::{Cancelled, Deferred, Failure, Promise};

/// deferred-062
#[test]
fn awaiting_gives_the_value_after_the_firing_call_has_woken_the_task() {
    let (deferred, promise) = Deferred::<u32>::new();
    let mut task = Task::new(deferred);
    assert!(task.poll().is_pending());
    promise.callback(13);
    assert_eq!(task.wakes(), 1);
    let Poll::Ready(Ok(13)) = task.poll() else { panic!("13 was fired") };
}

/// deferred-063, deferred-056, await-006
#[test]
fn awaiting_gives_the_error_and_that_handles_it() {
    let reported = reports(|| {
        let (pending, promise) = Deferred::<u32>::new();
        let failed = Deferred::<u32>::fail(Boom("there"));
        let mut task = Task::new(async move {
            let first = failed.await.unwrap_err();
            let second = pending.await.unwrap_err();
            (boom_in(&first), boom_in(&second))
        });
        assert!(task.poll().is_pending());
        promise.errback(Boom("later"));
        assert_eq!(task.poll(), Poll::Ready(("there", "later")));
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// await-003
#[test]
fn a_question_mark_after_an_await_passes_the_same_error_on() {
    let (deferred, promise) = Deferred::<u32>::new();
    let mut task = Task::new(async move {
        let value = deferred.await?;
        Ok::<u32, Failure>(value + 1)
    });
    assert!(task.poll().is_pending());
    promise.errback(Boom("same"));
    let Poll::Ready(Err(failure)) = task.poll() else { panic!("it has failed") };
    assert_eq!(boom_in(&failure), "same");
}

/// failure-008
#[test]
fn an_await_gives_the_very_failure_and_what_is_raised_from_there_is_another() {
    let failure = Failure::new(Boom("original"));
    let (deferred, promise) = Deferred::<u32>::new();
    let mut task = Task::new(async move {
        match deferred.await {
            Ok(value) => Ok(value),
            Err(seen) => Err((seen, Failure::new(Boom("another")))),
        }
    });
    assert!(task.poll().is_pending());
    promise.errback(failure.clone());
    let Poll::Ready(Err((seen, raised))) = task.poll() else { panic!("it has failed") };
    let boom = |failure: &Failure| std::ptr::from_ref(failure.downcast_ref::<Boom>().unwrap());
    assert_eq!(boom(&seen), boom(&failure), "the same object");
    assert_eq!((boom_in(&seen), boom_in(&raised)), ("original", "another"));
}

/// await-007
#[test]
fn awaiting_waits_for_the_inner_one_too() {
    let (inner, inner_promise) = Deferred::<&str>::new();
    let outer = Deferred::<()>::succeed(()).add_callback(|()| inner);
    let mut task = Task::new(outer);
    assert!(task.poll().is_pending());
    inner_promise.callback("bye");
    let Poll::Ready(Ok("bye")) = task.poll() else { panic!("bye was fired") };
}

/// inline-013
#[test]
fn callbacks_added_before_the_await_run_first() {
    let (deferred, promise) = Deferred::<u32>::new();
    let mut task = Task::new(deferred.add_callback(|n| Ok(n * 2)));
    assert!(task.poll().is_pending());
    promise.callback(4);
    let Poll::Ready(Ok(8)) = task.poll() else { panic!("twice 4") };
}

#[test]
fn a_task_is_never_polled_inside_the_firing_call() {
    let log = Log::default();
    let (deferred, promise) = Deferred::<u32>::new();
    let (before, resumed) = (log.clone(), log.clone());
    let awaited = deferred.add_callback(move |n| {
        before.note("callback");
        Ok(n)
    });
    let mut task = Task::new(async move {
        awaited.await.unwrap();
        resumed.note("resumed");
    });
    assert!(task.poll().is_pending());
    promise.callback(1);
    log.note("fired");
    assert!(task.poll().is_ready());
    assert_eq!(log.take(), ["callback", "fired", "resumed"]);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let (deferred, promise) = Deferred::<u32>::new();
    let mut future = deferred.into_future();
    let (mut first, mut second) = (Task::new(async {}), Task::new(async {}));
    assert!((first.poll(), second.poll()) == (Poll::Ready(()), Poll::Ready(())));
    for task in [&first, &first, &second] {
        assert!(task.poll_other(Pin::new(&mut future)).is_pending());
    }
    promise.callback(1);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn dropping_a_future_cancels_what_it_awaits_in_silence() {
    for polled in [false, true] {
        let calls = Rc::new(Cell::new(0));
        let counted = calls.clone();
        let reported = reports(|| {
            let (deferred, promise) = Deferred::<u32>::with_canceller(move || {
                counted.set(counted.get() + 1);
                Some(Err(Boom("stopped").into()))
            });
            let mut task = Task::new(deferred.add_callback(Ok));
            if polled {
                assert!(task.poll().is_pending());
            }
            drop(task);
            assert!(promise.is_cancelled());
        });
        assert_eq!(calls.get(), 1, "polled: {polled}");
        assert!(reported.is_empty(), "{reported:?}");
    }
}

#[test]
fn dropping_a_task_that_has_not_come_to_its_await_drops_a_deferred_and_cancels_nothing() {
    let (deferred, promise) = Deferred::<u32>::new();
    drop(Task::new(async move { deferred.await }));
    assert!(!promise.is_cancelled());
    promise.callback(1);
}

#[test]
fn dropping_a_future_cancels_the_innermost() {
    let (inner, inner_promise) = Deferred::<u32>::new();
    let future = Deferred::<()>::succeed(()).add_callback(|()| inner).into_future();
    assert!(!inner_promise.is_cancelled());
    drop(future);
    assert!(inner_promise.is_cancelled());
}

#[test]
fn a_future_dropped_before_it_was_polled_reports_an_error_that_was_there_already() {
    let reported = reports(|| {
        let (deferred, promise) = Deferred::<u32>::new();
        let future = deferred.into_future();
        promise.errback(Boom("unseen"));
        drop(future);
        drop(Deferred::<u32>::fail(Boom("x")).into_future());
    });
    assert_eq!(
        reported,
        [
            "unhandled error in Deferred<u32>: boom unseen",
            "unhandled error in Deferred<u32>: boom x"
        ]
    );
}

#[test]
fn a_cancellation_arrives_at_the_await() {
    let (deferred, promise) = Deferred::<u32>::new();
    let handle = deferred.cancel_handle();
    let mut task = Task::new(deferred);
    assert!(task.poll().is_pending());
    handle.cancel();
    assert!(promise.is_cancelled());
    let Poll::Ready(Err(failure)) = task.poll() else { panic!("it was cancelled") };
    assert!(failure.check::<Cancelled>());
}

thread_local! {
    static TO_FIRE: RefCell<Option<Promise<u32>>> = const { RefCell::new(None) };
}

/// A waker whose clone fires a promise, as foreign code may.
fn firing_waker() -> Waker {
    const TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            if let Some(promise) = TO_FIRE.take() {
                promise.callback(7);
            }
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: the table's functions ignore the data and own nothing.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

#[test]
fn a_waker_that_fires_while_it_is_cloned_loses_no_wakeup() {
    let (deferred, promise) = Deferred::<u32>::new();
    TO_FIRE.set(Some(promise));
    let mut future = deferred.into_future();
    let polled = Pin::new(&mut future).poll(&mut Context::from_waker(&firing_waker()));
    let Poll::Ready(Ok(7)) = polled else { panic!("it fired in the middle of the poll") };
}
