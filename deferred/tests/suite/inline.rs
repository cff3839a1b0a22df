//! Async functions whose results are Deferreds: what Twisted's `inlineCallbacks` and `ensureDeferred`
//! promise.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::support::{Boom, Log, OnDrop, boom_in, reports};
use ropewalk_deferred::{Deferred, Failure, Promise, TaskRunner, maybe_deferred};
use testkit::result_of;

/// Runs until no task is ready.
fn settle(runner: &TaskRunner) {
    let rounds = (0..100).take_while(|_| runner.run()).count();
    assert!(rounds < 100, "a task wakes itself for ever");
}

/// inline-001
#[test]
fn an_await_gives_the_value_or_the_error_which_can_be_caught() {
    let runner = TaskRunner::new();
    let (number, number_promise) = Deferred::<u32>::new();
    let (failing, failing_promise) = Deferred::<u32>::new();
    let task = runner.spawn(async move {
        let number = number.await?;
        let caught = match failing.await {
            Err(failure) => boom_in(&failure),
            Ok(_) => "nothing",
        };
        let also = Deferred::<()>::fail(Boom("at once")).await.unwrap_err();
        Ok::<_, Failure>((number, caught, boom_in(&also)))
    });
    number_promise.callback(4);
    settle(&runner);
    assert!(!task.is_fired());
    failing_promise.errback(Boom("later"));
    settle(&runner);
    assert_eq!(result_of(task).unwrap(), (4, "later", "at once"));
}

/// inline-002
#[test]
fn an_async_function_can_await_another_and_sees_its_value_or_its_error() {
    async fn inner(deferred: Deferred<u32>) -> Result<u32, Failure> {
        Ok(deferred.await? + 1)
    }
    for fired in [Ok(1), Err(Boom("inner"))] {
        let runner = TaskRunner::new();
        let (deferred, promise) = Deferred::<u32>::new();
        let task = runner.spawn(async move {
            match inner(deferred).await {
                Ok(n) => Ok::<_, Failure>(n.to_string()),
                Err(failure) => Ok(failure.to_string()),
            }
        });
        let expected = fired.clone().map_or_else(|boom| boom.to_string(), |n| (n + 1).to_string());
        promise.fire(fired.map_err(Failure::new));
        settle(&runner);
        assert_eq!(result_of(task).unwrap(), expected);
    }
}

/// inline-003
#[test]
fn an_error_that_the_body_does_not_catch_fails_the_deferred() {
    let reported = reports(|| {
        let runner = TaskRunner::new();
        let (deferred, promise) = Deferred::<()>::new();
        let task = runner.spawn(async move {
            deferred.await?;
            Err::<(), Failure>(Boom("uncaught").into())
        });
        promise.callback(());
        settle(&runner);
        assert_eq!(boom_in(&result_of(task).unwrap_err()), "uncaught");
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// inline-004, deferred-042, deferred-060
#[test]
fn a_body_that_never_waits_is_done_when_it_is_spawned() {
    let runner = TaskRunner::new();
    let empty = runner.spawn(async { Ok::<(), Failure>(()) });
    let one = runner.spawn(async { Ok::<_, Failure>(1) });
    let foo = runner.spawn(async { Deferred::<&str>::succeed("foo").await });
    assert!(runner.is_empty() && !runner.is_ready());
    assert!(result_of(empty).is_ok());
    assert_eq!(result_of(one).unwrap(), 1);
    assert_eq!(result_of(foo).unwrap(), "foo");
}

/// deferred-022
#[test]
fn maybe_deferred_takes_a_function_that_spawns_a_future() {
    let runner = TaskRunner::new();
    let seven = || runner.spawn(async { Ok::<_, Failure>(7) });
    assert_eq!(result_of(maybe_deferred(seven)).unwrap(), 7);
    let eight = maybe_deferred(|| seven().add_callback(|n| Ok(n + 1)));
    assert_eq!(result_of(eight).unwrap(), 8);
    let failing = maybe_deferred(|| runner.spawn(async { Err::<u32, Failure>(Boom("no").into()) }));
    assert_eq!(boom_in(&result_of(failing).unwrap_err()), "no");
}

/// inline-008
#[test]
fn a_bare_return_gives_nothing_and_a_value_comes_once_the_awaited_has_fired() {
    async fn bare(deferred: Deferred<u32>) -> Result<(), Failure> {
        if deferred.await? == 5 {
            return Ok(());
        }
        Err(Boom("not five").into())
    }
    let runner = TaskRunner::new();
    let (one, one_promise) = Deferred::<u32>::new();
    let (other, other_promise) = Deferred::<u32>::new();
    let nothing = runner.spawn(bare(one));
    let value = runner.spawn(async move { Ok::<_, Failure>(other.await? * 2) });
    settle(&runner);
    assert!(!nothing.is_fired() && !value.is_fired());
    one_promise.callback(5);
    other_promise.callback(5);
    settle(&runner);
    result_of(nothing).unwrap();
    assert_eq!(result_of(value).unwrap(), 10);
}

/// inline-010, deferred-070
#[test]
fn what_a_future_has_captured_is_dropped_before_its_result_is_told() {
    let runner = TaskRunner::new();
    let log = Log::default();
    let spawn = |wait: Deferred<()>| {
        let own = log.clone();
        let captured = OnDrop(move || own.note("dropped"));
        let told = log.clone();
        let awaited = runner.spawn(async move {
            let _captured = &captured;
            wait.await
        });
        awaited.add_callback(move |()| {
            told.note("told");
            Ok(())
        })
    };
    result_of(spawn(Deferred::succeed(()))).unwrap();
    assert_eq!(log.take(), ["dropped", "told"]);
    let (wait, promise) = Deferred::<()>::new();
    let held = spawn(wait);
    promise.callback(());
    assert!(log.take().is_empty());
    settle(&runner);
    assert_eq!(log.take(), ["dropped", "told"]);
    result_of(held).unwrap();
    // One that keeps what it has captured after it is done, as an async block does not.
    let (own, told, waker) = (log.clone(), log.clone(), Rc::new(RefCell::new(None::<Waker>)));
    let (captured, leave) = (OnDrop(move || own.note("dropped")), waker.clone());
    let by_hand = runner.spawn(poll_fn(move |context| {
        let _captured = &captured;
        match leave.replace(Some(context.waker().clone())) {
            None => Poll::Pending,
            Some(_) => Poll::Ready(Ok::<_, Failure>(())),
        }
    }));
    let by_hand = by_hand.add_callback(move |()| {
        told.note("told");
        Ok(())
    });
    waker.borrow().as_ref().unwrap().wake_by_ref();
    settle(&runner);
    assert_eq!(log.take(), ["dropped", "told"]);
    result_of(by_hand).unwrap();
}

/// Three functions, each awaiting the next; `spawning` makes the middle one a task of its own.
async fn third(
    runner: Rc<TaskRunner>,
    log: Log,
    waits: Waits,
    spawning: bool,
) -> Result<u32, Failure> {
    log.note("enter 3");
    let mut total = 0;
    for _ in 0..waits.rounds {
        let inner = second(runner.clone(), log.clone(), waits.clone(), spawning);
        total += 2 * if spawning { runner.spawn(inner).await? } else { inner.await? };
    }
    log.note("exit 3");
    Ok(total)
}

async fn second(
    runner: Rc<TaskRunner>,
    log: Log,
    waits: Waits,
    spawning: bool,
) -> Result<u32, Failure> {
    log.note("enter 2");
    let inner = first(log.clone(), waits);
    let value = 2 * if spawning { runner.spawn(inner).await? } else { inner.await? };
    log.note("exit 2");
    Ok(value)
}

async fn first(log: Log, waits: Waits) -> Result<u32, Failure> {
    log.note("enter 1");
    let (wait, promise) = Deferred::<u32>::new();
    waits.promise.replace(Some(promise));
    let value = wait.await?;
    log.note("exit 1");
    Ok(value)
}

/// Where the innermost leaves the promise of what it waits for.
#[derive(Clone)]
struct Waits {
    promise: Rc<RefCell<Option<Promise<u32>>>>,
    rounds: u32,
}

/// inline-011, inline-012: they resume in the runs after the firing call, in Twisted's order.
#[test]
fn stacked_functions_resume_from_the_innermost_outwards() {
    for spawning in [false, true] {
        for rounds in [1, 3] {
            let (runner, log) = (Rc::new(TaskRunner::new()), Log::default());
            let waits = Waits { promise: Rc::default(), rounds };
            let task = runner.spawn(third(runner.clone(), log.clone(), waits.clone(), spawning));
            assert_eq!(log.take(), ["enter 3", "enter 2", "enter 1"]);
            for round in 1..=rounds {
                assert!(!task.is_fired());
                waits.promise.take().unwrap().callback(2);
                assert!(log.take().is_empty(), "nothing resumes inside the firing call");
                settle(&runner);
                match round == rounds {
                    true => assert_eq!(log.take(), ["exit 1", "exit 2", "exit 3"]),
                    false => assert_eq!(log.take(), ["exit 1", "exit 2", "enter 2", "enter 1"]),
                }
            }
            assert_eq!(result_of(task).unwrap(), 8 * rounds);
        }
    }
}

/// inline-013
#[test]
fn a_callback_on_the_result_of_an_async_function_runs_before_whoever_awaits_it() {
    for pending in 0..3 {
        let (runner, log) = (TaskRunner::new(), Log::default());
        let (mut promises, mut waits) = (Vec::new(), Vec::new());
        for wait in 0..2 {
            let (deferred, promise) = Deferred::<u32>::new();
            match pending > wait {
                true => promises.push(promise),
                false => promise.callback(1),
            }
            waits.push(deferred);
        }
        let inner = runner.spawn(async move {
            let mut sum = 0;
            for wait in waits {
                sum += wait.await?;
            }
            Ok::<_, Failure>(sum)
        });
        let (told, resumed) = (log.clone(), log.clone());
        let inner = inner.add_callback(move |sum| {
            told.note("callback");
            Ok(sum + 40)
        });
        let outer = runner.spawn(async move {
            let sum = inner.await?;
            resumed.note("resumed");
            Ok::<_, Failure>(sum)
        });
        for promise in promises {
            promise.callback(1);
            settle(&runner);
        }
        assert_eq!(result_of(outer).unwrap(), 42);
        assert_eq!(log.take(), ["callback", "resumed"]);
    }
}

/// inline-014
#[test]
fn an_error_ends_the_inner_function_at_its_await_and_is_caught_in_the_outer() {
    for failing in [0, 1] {
        for spawning in [false, true] {
            let (runner, log) = (Rc::new(TaskRunner::new()), Log::default());
            let (first, first_promise) = Deferred::<()>::new();
            let (second, second_promise) = Deferred::<()>::new();
            let inner_log = log.clone();
            let inner = async move {
                first.await?;
                inner_log.note("after the first");
                second.await?;
                inner_log.note("after the second");
                Ok::<(), Failure>(())
            };
            let own = runner.clone();
            let task = runner.spawn(async move {
                let result = if spawning { own.spawn(inner).await } else { inner.await };
                Ok::<_, Failure>(boom_in(&result.unwrap_err()))
            });
            if failing == 1 {
                first_promise.callback(());
                settle(&runner);
                second_promise.errback(Boom("x"));
            } else {
                first_promise.errback(Boom("x"));
            }
            settle(&runner);
            assert_eq!(result_of(task).unwrap(), "x");
            let expected: &[&str] = if failing == 1 { &["after the first"] } else { &[] };
            assert_eq!(log.take(), expected);
        }
    }
}
