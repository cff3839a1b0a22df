//! Futures that a `TaskRunner` polls: when they run, how they are cancelled, how they end.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::support::{Boom, Log, OnDrop, boom_in, reports};
use ropewalk_deferred::{Cancelled, Deferred, Failure, TaskRunner};
use testkit::result_of;

/// Waits once for something that is no Deferred.
fn foreign_wait() -> (impl Future<Output = ()>, Rc<RefCell<Option<Waker>>>) {
    let waker = Rc::new(RefCell::new(None));
    let (own, mut waited) = (waker.clone(), false);
    let future = poll_fn(move |context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        own.replace(Some(context.waker().clone()));
        Poll::Pending
    });
    (future, waker)
}

/// deferred-066
#[test]
fn a_future_that_is_no_deferred_gives_its_value_when_it_is_done() {
    let runner = TaskRunner::new();
    let (wait, waker) = foreign_wait();
    let task = runner.spawn(async move {
        wait.await;
        Ok::<_, Failure>(7)
    });
    assert!(!runner.run() && !task.is_fired());
    waker.take().unwrap().wake();
    assert!(!task.is_fired(), "it is polled by run, not by the waker");
    runner.run();
    assert_eq!(result_of(task).unwrap(), 7);
    assert!(runner.is_empty());
}

/// deferred-067
#[test]
fn dropping_the_runner_drops_its_futures_and_cancels_their_deferreds_without_a_word() {
    let reported = reports(|| {
        let dropped = Rc::new(Cell::new(false));
        let told = dropped.clone();
        let runner = TaskRunner::new();
        let captured = OnDrop(move || told.set(true));
        let task = runner.spawn(async move {
            pending::<()>().await;
            drop(captured);
            Ok::<_, Failure>(1)
        });
        let waiting = runner.spawn(pending::<Result<u32, Failure>>()).add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok(2)
        });
        // The result of this one is dropped.
        drop(runner.spawn(pending::<Result<u32, Failure>>()));
        drop(runner);
        assert!(dropped.get());
        assert!(result_of(task).unwrap_err().check::<Cancelled>());
        assert_eq!(result_of(waiting).unwrap(), 2);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn tasks_that_await_each_other_end_with_their_runner() {
    for reverse in [false, true] {
        let reported = reports(|| {
            let runner = TaskRunner::new();
            let (place, promise) = Deferred::<Deferred<u32>>::new();
            let outer = || runner.spawn(async move { place.await?.await });
            let inner = || runner.spawn(pending::<Result<u32, Failure>>());
            let outer = if reverse {
                let inner = inner();
                let outer = outer();
                promise.callback(inner);
                outer
            } else {
                let outer = outer();
                promise.callback(inner());
                outer
            };
            runner.run();
            assert_eq!(runner.len(), 2);
            drop(runner);
            assert!(result_of(outer).unwrap_err().check::<Cancelled>());
        });
        assert!(reported.is_empty(), "{reported:?}");
    }
}

#[test]
fn tasks_resume_in_the_order_in_which_they_were_woken() {
    let (runner, log) = (TaskRunner::new(), Log::default());
    let mut promises = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let (deferred, promise) = Deferred::<()>::new();
        promises.push(Some(promise));
        let log = log.clone();
        drop(runner.spawn(async move {
            deferred.await?;
            log.note(name);
            Ok::<_, Failure>(())
        }));
    }
    for place in [2, 0, 3, 1] {
        promises[place].take().unwrap().callback(());
    }
    assert!(!runner.run());
    assert_eq!(log.take(), ["c", "a", "d", "b"]);
}

#[test]
fn a_task_that_wakes_itself_for_ever_keeps_neither_run_nor_its_cancellation_from_coming() {
    let runner = TaskRunner::new();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let task = runner.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        context.waker().wake_by_ref();
        Poll::<Result<(), Failure>>::Pending
    }));
    for expected in [2, 3, 4] {
        assert!(runner.run(), "it is ready again");
        assert_eq!(polls.get(), expected);
    }
    task.cancel_handle().cancel();
    assert!(!task.is_fired(), "it was woken, so it may have something to finish");
    runner.run();
    assert!(result_of(task).unwrap_err().check::<Cancelled>());
    assert!(!runner.run() && runner.is_empty());
    assert_eq!(polls.get(), 5);
}

#[test]
fn a_task_that_is_spawned_in_a_task_takes_its_first_step_there_and_its_others_later() {
    let (runner, log) = (Rc::new(TaskRunner::new()), Log::default());
    let (deferred, promise) = Deferred::<u32>::new();
    let (own, told) = (runner.clone(), log.clone());
    let outer = runner.spawn(async move {
        let noted = told.clone();
        let inner = own.spawn(async move {
            noted.note("first step");
            let value = deferred.await?;
            noted.note("second step");
            Ok::<_, Failure>(value)
        });
        told.note("spawned");
        promise.callback(3);
        assert!(own.run(), "nothing runs inside a task, but there is something to run");
        told.note("fired");
        inner.await
    });
    while runner.run() {}
    assert_eq!(log.take(), ["first step", "spawned", "fired", "second step"]);
    assert_eq!(result_of(outer).unwrap(), 3);
}

#[test]
fn the_runner_may_be_let_go_of_from_inside_a_task() {
    let holder = Rc::new(RefCell::new(Some(Rc::new(TaskRunner::new()))));
    let log = Log::default();
    let runner = holder.borrow().clone().unwrap();
    let mut promises = Vec::new();
    let mut tasks = Vec::new();
    for name in ["first", "second"] {
        let (deferred, promise) = Deferred::<()>::new();
        promises.push(promise);
        let (holder, log) = (holder.clone(), log.clone());
        tasks.push(runner.spawn(async move {
            deferred.await?;
            drop(holder.take());
            log.note(name);
            pending::<()>().await;
            Ok::<_, Failure>(())
        }));
    }
    promises.into_iter().for_each(|promise| promise.callback(()));
    runner.run();
    drop(runner);
    assert_eq!(log.take(), ["first", "second"]);
    assert!(tasks.into_iter().all(|task| result_of(task).unwrap_err().check::<Cancelled>()));
}

#[test]
fn tasks_that_are_dropped_while_one_of_them_runs_are_all_cancelled() {
    let runner = Rc::new(TaskRunner::new());
    let other = runner.spawn(pending::<Result<(), Failure>>());
    let own = runner.clone();
    let task = runner.spawn(async move {
        own.drop_tasks_with(|step| step());
        drop(own);
        pending::<Result<(), Failure>>().await
    });
    assert!(runner.is_empty());
    assert!(result_of(other).unwrap_err().check::<Cancelled>());
    assert!(result_of(task).unwrap_err().check::<Cancelled>());
}

#[test]
fn a_panic_ends_its_task_and_no_other() {
    let reported = reports(|| {
        let (runner, log) = (TaskRunner::new(), Log::default());
        let (mut promises, mut tasks) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let (deferred, promise) = Deferred::<()>::new();
            promises.push(promise);
            tasks.push(runner.spawn(async move {
                deferred.await?;
                assert_ne!(number, 1, "on purpose");
                Ok::<_, Failure>(number)
            }));
        }
        promises.into_iter().for_each(|promise| promise.callback(()));
        catch_unwind(AssertUnwindSafe(|| runner.run())).unwrap_err();
        log.note(format!("{} left", runner.len()));
        assert!(runner.is_ready() && !runner.run());
        let results: Vec<_> = tasks.into_iter().map(result_of).collect();
        assert!(results[1].as_ref().unwrap_err().check::<Cancelled>());
        assert!(matches!((&results[0], &results[2]), (Ok(0), Ok(2))));
        assert_eq!(log.take(), ["1 left"]);
    });
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn a_panic_in_the_first_step_goes_through_spawn_and_leaves_nothing() {
    let runner = TaskRunner::new();
    let spawned = catch_unwind(AssertUnwindSafe(|| {
        drop(runner.spawn(async { panic!("on purpose") as Result<(), Failure> }));
    }));
    assert!(spawned.is_err() && runner.is_empty() && !runner.is_ready());
}

#[test]
fn who_wraps_the_polls_may_catch_their_panics() {
    let runner = TaskRunner::new();
    let panics = Cell::new(0);
    let guard = |step: &mut dyn FnMut()| {
        if catch_unwind(AssertUnwindSafe(step)).is_err() {
            panics.set(panics.get() + 1);
        }
    };
    let (deferred, promise) = Deferred::<()>::new();
    let broken = runner.spawn_with(async { panic!("on purpose") as Result<u32, Failure> }, guard);
    let later = runner.spawn_with(
        async move {
            deferred.await?;
            panic!("on purpose") as Result<u32, Failure>
        },
        guard,
    );
    promise.callback(());
    runner.run_with(guard);
    assert_eq!(panics.get(), 2);
    assert!(result_of(broken).unwrap_err().check::<Cancelled>());
    assert!(result_of(later).unwrap_err().check::<Cancelled>());
    let bad = OnDrop(|| panic!("on purpose"));
    drop(runner.spawn(async move {
        pending::<()>().await;
        drop(bad);
        Ok::<_, Failure>(())
    }));
    runner.drop_tasks_with(guard);
    assert_eq!(panics.get(), 3);
}

#[test]
fn an_error_that_nobody_handles_is_reported_as_any_other() {
    let reported = reports(|| {
        let runner = TaskRunner::new();
        drop(runner.spawn(async { Err::<u32, Failure>(Boom("lost").into()) }));
        let kept = runner.spawn(async { Err::<u32, Failure>(Boom("kept").into()) });
        assert_eq!(boom_in(&result_of(kept).unwrap_err()), "kept");
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: boom lost"]);
}
