//! Cancelling the tasks of a `TaskRunner`: who is told, and what is dropped.

use std::cell::{Cell, RefCell};
use std::future::{IntoFuture, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use crate::support::OnDrop;
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, Failure, TaskRunner};
use testkit::result_of;

/// deferred-068: the future is dropped and the error is there at once, where asyncio needs a turn.
#[test]
fn cancelling_a_future_that_awaits_no_deferred_drops_it_at_once() {
    let runner = TaskRunner::new();
    let dropped = Rc::new(Cell::new(false));
    let told = dropped.clone();
    let captured = OnDrop(move || told.set(true));
    let task = runner.spawn(async move {
        pending::<()>().await;
        drop(captured);
        Ok::<_, Failure>(1)
    });
    task.cancel_handle().cancel();
    assert!(dropped.get() && runner.is_empty());
    assert!(result_of(task).unwrap_err().check::<Cancelled>());
}

#[test]
fn one_task_may_cancel_another() {
    let runner = Rc::new(TaskRunner::new());
    let (never, _promise) = Deferred::<u32>::new();
    let (go, go_promise) = Deferred::<()>::new();
    let victim = runner.spawn(never.into_future());
    let gone = runner.spawn(pending::<Result<(), Failure>>());
    let handles = [victim.cancel_handle(), gone.cancel_handle()];
    let canceller = runner.spawn(async move {
        go.await?;
        handles.iter().for_each(CancelHandle::cancel);
        Ok::<_, Failure>(())
    });
    go_promise.callback(());
    while runner.run() {}
    result_of(canceller).unwrap();
    assert!(result_of(victim).unwrap_err().check::<Cancelled>());
    assert!(result_of(gone).unwrap_err().check::<Cancelled>());
}

#[test]
fn a_task_that_cancels_itself_meets_that_where_it_waits_next() {
    let runner = Rc::new(TaskRunner::new());
    let handle = Rc::new(RefCell::new(None::<CancelHandle>));
    let (start, start_promise) = Deferred::<()>::new();
    let (next, next_promise) = Deferred::<u32>::new();
    let own = handle.clone();
    let task = runner.spawn(async move {
        start.await?;
        own.take().unwrap().cancel();
        let there = Deferred::<u32>::succeed(1).await?;
        let cancelled = next.await.unwrap_err().check::<Cancelled>();
        Ok::<_, Failure>((there, cancelled))
    });
    handle.replace(Some(task.cancel_handle()));
    start_promise.callback(());
    while runner.run() {}
    assert!(next_promise.is_cancelled());
    assert_eq!(result_of(task).unwrap(), (1, true));
}

#[test]
fn a_result_that_is_there_is_not_lost_by_a_cancellation() {
    for waits_again in [false, true] {
        let runner = TaskRunner::new();
        let (deferred, promise) = Deferred::<u32>::new();
        let (next, next_promise) = Deferred::<u32>::new();
        let task = runner.spawn(async move {
            let value = deferred.await.unwrap();
            if waits_again {
                assert!(next.await.unwrap_err().check::<Cancelled>());
            }
            Ok::<_, Failure>(value)
        });
        promise.callback(9);
        task.cancel_handle().cancel();
        while runner.run() {}
        assert_eq!(result_of(task).unwrap(), 9);
        assert_eq!(next_promise.is_cancelled(), waits_again);
    }
}

/// Awaits all, as a join written by hand.
async fn join(deferreds: Vec<Deferred<u32>>) -> Vec<Result<u32, Failure>> {
    let mut waits: Vec<_> = deferreds.into_iter().map(|it| (it.into_future(), None)).collect();
    poll_fn(|context| {
        for (future, result) in &mut waits {
            if result.is_none()
                && let Poll::Ready(ready) = Pin::new(future).poll(context)
            {
                *result = Some(ready);
            }
        }
        match waits.iter().all(|(_, result)| result.is_some()) {
            true => Poll::Ready(waits.iter_mut().filter_map(|(_, result)| result.take()).collect()),
            false => Poll::Pending,
        }
    })
    .await
}

#[test]
fn all_that_a_task_awaits_at_once_is_cancelled_and_nothing_else() {
    let runner = TaskRunner::new();
    let mut pairs: Vec<_> = (0..20).map(|_| Deferred::<u32>::new()).collect();
    let (before, before_promise) = pairs.pop().unwrap();
    let (deferreds, mut promises): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let task = runner.spawn(async move {
        before.await?;
        Ok::<_, Failure>(join(deferreds).await)
    });
    before_promise.callback(0);
    runner.run();
    for number in 0..5 {
        promises.remove(2).callback(number);
        runner.run();
    }
    task.cancel_handle().cancel();
    assert!(promises.iter().all(|promise| promise.is_cancelled()));
    runner.run();
    let results = result_of(task).unwrap();
    let values: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!((values, results.len()), (vec![&0, &1, &2, &3, &4], 19));
}

#[test]
fn what_a_task_awaits_no_more_is_not_cancelled_with_it() {
    let runner = TaskRunner::new();
    let (moved, moved_promise) = Deferred::<u32>::new();
    let (kept, kept_promise) = Deferred::<u32>::new();
    let place = Rc::new(RefCell::new(None));
    let out = place.clone();
    let task = runner.spawn(async move {
        let (mut moved, mut kept) = (Some(moved.into_future()), kept.into_future());
        poll_fn(move |context| {
            if let Some(mut moved) = moved.take() {
                assert!(Pin::new(&mut moved).poll(context).is_pending());
                out.replace(Some(moved));
            }
            Pin::new(&mut kept).poll(context)
        })
        .await
    });
    let other = runner.spawn(place.take().unwrap());
    task.cancel_handle().cancel();
    assert!(kept_promise.is_cancelled() && !moved_promise.is_cancelled());
    moved_promise.callback(1);
    runner.run();
    assert!(result_of(task).is_err());
    assert_eq!(result_of(other).unwrap(), 1);
}

#[test]
fn a_deferred_that_another_thread_polls_with_the_tasks_waker_is_not_the_tasks() {
    let (give_waker, take_waker) = mpsc::channel::<Waker>();
    let (polled, wait_polled) = mpsc::channel::<()>();
    let (cancelled, wait_cancelled) = mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        let waker = take_waker.recv().unwrap();
        let (deferred, promise) = Deferred::<u32>::new();
        let mut future = deferred.into_future();
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        polled.send(()).unwrap();
        wait_cancelled.recv().unwrap();
        assert!(!promise.is_cancelled());
        promise.callback(1);
    });
    let runner = TaskRunner::new();
    let task = runner.spawn(poll_fn(move |context| {
        give_waker.send(context.waker().clone()).unwrap();
        // The other thread polls while this poll runs.
        wait_polled.recv().unwrap();
        Poll::<Result<(), Failure>>::Pending
    }));
    task.cancel_handle().cancel();
    assert!(runner.is_empty(), "it awaits nothing, so it is dropped");
    cancelled.send(()).unwrap();
    other.join().unwrap();
    assert!(result_of(task).unwrap_err().check::<Cancelled>());
}

#[test]
fn a_deferred_behind_a_context_of_somebody_else_is_cancelled_with_its_future() {
    let runner = TaskRunner::new();
    let (deferred, promise) = Deferred::<u32>::new();
    let mut future = deferred.into_future();
    let task = runner.spawn(poll_fn(move |context| {
        let mut own = Context::from_waker(context.waker());
        Pin::new(&mut future).poll(&mut own)
    }));
    task.cancel_handle().cancel();
    assert!(promise.is_cancelled() && runner.is_empty());
    assert!(result_of(task).unwrap_err().check::<Cancelled>());
}
