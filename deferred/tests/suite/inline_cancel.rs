//! Cancelling the Deferred of an async function: what Twisted's `inlineCallbacks` promises.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{Boom, Log, boom_in};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, Failure, Promise, TaskRunner};
use testkit::result_of;

/// Runs until no task is ready.
fn settle(runner: &TaskRunner) {
    let rounds = (0..100).take_while(|_| runner.run()).count();
    assert!(rounds < 100, "a task wakes itself for ever");
}

/// How deep the wait is that is cancelled.
#[derive(Clone, Copy, Debug)]
enum Stacking {
    Direct,
    Function,
    FunctionSecond,
    Task,
    TaskSecond,
}

const STACKINGS: [Stacking; 5] = [
    Stacking::Direct,
    Stacking::Function,
    Stacking::FunctionSecond,
    Stacking::Task,
    Stacking::TaskSecond,
];

impl Stacking {
    /// Waits for `child` at that depth.
    async fn wait(self, runner: Rc<TaskRunner>, child: Deferred<u32>) -> Result<u32, Failure> {
        async fn inner(child: Deferred<u32>) -> Result<u32, Failure> {
            child.await
        }
        let first = runner.spawn(async { Deferred::<()>::succeed(()).await });
        match self {
            Stacking::Direct => child.await,
            Stacking::Function => inner(child).await,
            Stacking::FunctionSecond => {
                first.await?;
                inner(child).await
            }
            Stacking::Task => runner.spawn(inner(child)).await,
            Stacking::TaskSecond => {
                first.await?;
                runner.spawn(inner(child)).await
            }
        }
    }
}

/// inline-016
#[test]
fn cancelling_reaches_what_is_awaited_before_the_cancelling_call_returns() {
    for stacking in STACKINGS {
        let (runner, log) = (Rc::new(TaskRunner::new()), Log::default());
        let (canceller, errback) = (log.clone(), log.clone());
        let (child, _promise) = Deferred::<u32>::with_canceller(move || {
            canceller.note("canceller");
            None
        });
        let child = child.add_errback(move |failure| {
            errback.note(failure.to_string());
            Err(failure)
        });
        let task = runner.spawn(stacking.wait(runner.clone(), child));
        settle(&runner);
        task.cancel_handle().cancel();
        assert_eq!(log.take(), ["canceller", "cancelled"], "{stacking:?}");
        assert!(!task.is_fired(), "the body has not run since");
        settle(&runner);
        assert!(result_of(task).unwrap_err().check::<Cancelled>());
    }
}

/// A child whose canceller chooses [`Boom`] `a`.
fn child_that_fails() -> (Deferred<u32>, Promise<u32>) {
    Deferred::with_canceller(|| Some(Err(Boom("a").into())))
}

/// inline-018
#[test]
fn the_body_may_make_another_error_of_what_its_cancellation_brought() {
    for stacking in STACKINGS {
        let runner = Rc::new(TaskRunner::new());
        let (child, _promise) = child_that_fails();
        let own = runner.clone();
        let task = runner.spawn(async move {
            let failure = stacking.wait(own, child).await.unwrap_err();
            assert_eq!(boom_in(&failure), "a");
            Err::<u32, Failure>(Boom("b").into())
        });
        settle(&runner);
        task.cancel_handle().cancel();
        settle(&runner);
        assert_eq!(boom_in(&result_of(task).unwrap_err()), "b", "{stacking:?}");
    }
}

/// inline-019
#[test]
fn the_body_may_give_a_value_although_it_was_cancelled() {
    for stacking in STACKINGS {
        let runner = Rc::new(TaskRunner::new());
        let (child, _promise) = child_that_fails();
        let own = runner.clone();
        let task = runner.spawn(async move {
            let value = match stacking.wait(own, child).await {
                Err(failure) if boom_in(&failure) == "a" => 4321,
                result => result?,
            };
            Ok::<_, Failure>(value - 2 + 1)
        });
        settle(&runner);
        task.cancel_handle().cancel();
        settle(&runner);
        assert_eq!(result_of(task).unwrap(), 4320, "{stacking:?}");
    }
}

/// inline-020
#[test]
fn a_cancelled_function_waits_for_what_answers_its_cancellation_later() {
    for stacking in STACKINGS {
        let runner = Rc::new(TaskRunner::new());
        let (later, later_promise) = Deferred::<u32>::new();
        let (child, _promise) = Deferred::<u32>::new();
        let child = child.add_errback(move |_| later);
        let own = runner.clone();
        let task =
            runner.spawn(async move { Ok::<_, Failure>(stacking.wait(own, child).await? + 1) });
        settle(&runner);
        task.cancel_handle().cancel();
        settle(&runner);
        assert!(!task.is_fired(), "{stacking:?}");
        later_promise.callback(6543);
        settle(&runner);
        assert_eq!(result_of(task).unwrap(), 6544);
    }
}

/// inline-021
#[test]
fn a_body_that_swallows_a_cancellation_goes_on_and_a_second_one_reaches_what_it_awaits_then() {
    for run_between in [true, false] {
        let runner = TaskRunner::new();
        let calls = Rc::new(Cell::new((0, 0)));
        let (one_calls, two_calls) = (calls.clone(), calls.clone());
        let (one, _one_promise) = Deferred::<u32>::with_canceller(move || {
            one_calls.set((one_calls.get().0 + 1, one_calls.get().1));
            None
        });
        let (two, _two_promise) = Deferred::<u32>::with_canceller(move || {
            two_calls.set((two_calls.get().0, two_calls.get().1 + 1));
            None
        });
        let task = runner.spawn(async move {
            assert!(one.await.unwrap_err().check::<Cancelled>());
            two.await
        });
        let handle: CancelHandle = task.cancel_handle();
        handle.cancel();
        assert_eq!(calls.get(), (1, 0));
        if run_between {
            settle(&runner);
            assert!(!task.is_fired());
        }
        handle.cancel();
        settle(&runner);
        assert_eq!(calls.get(), (1, 1));
        assert!(result_of(task).unwrap_err().check::<Cancelled>());
    }
}
