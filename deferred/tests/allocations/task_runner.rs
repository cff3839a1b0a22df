//! How often a task allocates, counted.

use std::cell::RefCell;
use std::future::{IntoFuture, pending, poll_fn};
use std::hint::black_box;
use std::rc::Rc;
use std::task::Poll;

use crate::allocations;
use ropewalk_deferred::{Cancelled, Deferred, Promise, TaskRunner};
use testkit::live_bytes;

/// A runner that has a place for one more task.
fn runner() -> TaskRunner {
    let runner = TaskRunner::new();
    drop(runner.spawn(async { Ok::<(), Cancelled>(()) }));
    runner
}

#[test]
fn a_task_is_its_future_its_waker_and_its_deferred() {
    let runner = runner();
    let (task, count) = allocations(|| runner.spawn(async { Ok::<_, Cancelled>(1) }));
    assert_eq!(count, 3);
    drop(task);
    let (task, count) = allocations(|| runner.spawn(pending::<Result<u64, Cancelled>>()));
    assert_eq!(count, 3);
    drop(task);
}

type Waiting = Rc<RefCell<Option<Promise<u64, Cancelled>>>>;

#[test]
fn waking_polling_awaiting_and_ending_allocate_nothing() {
    let runner = runner();
    let waiting = Waiting::default();
    let left = waiting.clone();
    let task = runner.spawn(async move {
        let mut sum = 0;
        for _ in 0..100 {
            let (deferred, promise) = Deferred::<u64, Cancelled>::new();
            left.replace(Some(promise));
            sum += deferred.await?;
        }
        Ok::<u64, Cancelled>(sum)
    });
    let ((), count) = allocations(|| {
        while let Some(promise) = waiting.take() {
            promise.callback(1);
            runner.run();
        }
    });
    // One for each Deferred that the body makes, of which the first was there before.
    assert_eq!((task.try_into_result().unwrap(), count), (Ok(100), 99));
}

#[test]
fn a_task_that_is_polled_again_and_again_allocates_nothing() {
    let runner = runner();
    let mut polls = 0;
    let (never, _promise) = Deferred::<u64, Cancelled>::new();
    let mut never = never.into_future();
    let task = runner.spawn(poll_fn(move |context| {
        polls += 1;
        context.waker().wake_by_ref();
        assert!(std::pin::Pin::new(&mut never).poll(context).is_pending());
        match polls == 1000 {
            true => Poll::Ready(Ok::<_, Cancelled>(polls)),
            false => Poll::Pending,
        }
    }));
    let ((), count) = allocations(|| while runner.run() {});
    assert_eq!((task.try_into_result().unwrap(), count), (Ok(1000), 0));
}

#[test]
fn cancelling_a_task_that_awaits_one_deferred_allocates_nothing() {
    let runner = runner();
    let (never, _promise) = Deferred::<u64, Cancelled>::new();
    let task = runner.spawn(never.into_future());
    let ((), count) = allocations(|| {
        task.cancel_handle().cancel();
        runner.run();
    });
    assert_eq!((task.try_into_result().unwrap(), count), (Err(Cancelled), 0));
}

#[test]
fn the_future_of_a_task_is_kept_once() {
    let runner = runner();
    let large = black_box([1_u8; 4096]);
    let before = live_bytes();
    let task = runner.spawn(async move {
        pending::<()>().await;
        Ok::<_, Cancelled>(large[0])
    });
    let bytes = live_bytes() - before;
    assert!((4096..4096 + 512).contains(&bytes), "{bytes}");
    drop(task);
}

#[test]
fn everything_of_a_task_is_freed_when_it_is_done() {
    let runner = runner();
    let before = live_bytes();
    let (deferred, promise) = Deferred::<u64, Cancelled>::new();
    let task = runner.spawn(deferred.into_future());
    let dropped = runner.spawn(pending::<Result<u64, Cancelled>>());
    promise.callback(1);
    runner.run();
    dropped.cancel_handle().cancel();
    drop((task, dropped));
    let places = live_bytes() - before;
    assert!(runner.is_empty() && places < 1024, "{places} bytes of places for more tasks");
    drop(runner);
    assert!(live_bytes() < before);
}

#[test]
fn tasks_that_were_woken_and_never_run_are_freed_with_their_runner() {
    let before = live_bytes();
    let runner = TaskRunner::new();
    for _ in 0..3 {
        let (deferred, promise) = Deferred::<u64, Cancelled>::new();
        drop(runner.spawn(deferred.into_future()).add_errback(|_| Ok(0)));
        promise.callback(1);
    }
    assert!(runner.is_ready());
    drop(runner);
    assert_eq!(live_bytes(), before);
}
