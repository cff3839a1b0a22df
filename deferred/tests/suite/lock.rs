//! The lock: who has it, who gets it next, and what cancelling and dropping do.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use crate::support::{Boom, Log, Task, boom_in, reports};
use ropewalk_deferred::{Cancelled, Deferred, DeferredLock, Failure, Token};

fn granted(deferred: Deferred<Token>) -> Token {
    deferred.try_into_result().expect("it has fired").expect("it has succeeded")
}

/// Waits for the lock, notes when it has it, and keeps it in the answer.
fn queue_up(lock: &DeferredLock, name: &'static str, log: &Log) -> Rc<RefCell<Option<Token>>> {
    let (kept, log) = (Rc::new(RefCell::new(None)), log.clone());
    let keep = kept.clone();
    lock.acquire().add_callback(move |token| {
        log.note(name);
        keep.replace(Some(token));
        Ok(())
    });
    kept
}

/// lock-001
#[test]
fn the_first_has_it_at_once_and_the_others_in_the_order_in_which_they_came() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    assert!(!lock.is_locked());
    let first = granted(lock.acquire());
    assert!(lock.is_locked());
    let second = queue_up(&lock, "second", &log);
    let third = queue_up(&lock, "third", &log);
    assert!(log.take().is_empty());

    drop(first);
    assert_eq!(log.take(), ["second"], "before the drop has returned");
    assert!(lock.is_locked());
    drop(second.take());
    assert_eq!(log.take(), ["third"]);
    assert!(lock.is_locked());
    drop(third.take());
    assert!(!lock.is_locked());
    assert!(log.take().is_empty());
}

/// lock-003: the token of one cannot be given back by another, nor twice.
#[test]
fn giving_a_token_back_frees_it_once_and_takes_the_token() {
    let lock = DeferredLock::new();
    granted(lock.acquire()).release();
    assert!(!lock.is_locked());
    let (first, second) = (granted(lock.acquire()), lock.acquire());
    assert!(!second.is_fired(), "one was given back, so one can be had");
    first.release();
    drop(granted(second));
    assert!(!lock.is_locked());
}

/// lock-002: the order is the one that Twisted has.
#[test]
fn a_run_holds_it_until_its_deferred_has_fired_and_then_the_next_has_it_in_the_same_call() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let (inner, promise) = Deferred::<u32>::new();
    let called = log.clone();
    let run = lock.run(move || {
        called.note("called");
        inner
    });
    assert_eq!(log.take(), ["called"], "at once, as it is free");
    let next = queue_up(&lock, "granted", &log);
    let seen = log.clone();
    let run = run.add_callback(move |n| {
        seen.note(format!("result {n}"));
        Ok(n)
    });
    assert!(lock.is_locked());
    promise.callback(5);
    assert_eq!(log.take(), ["granted", "result 5"]);
    assert_eq!(run.try_into_result().unwrap().unwrap(), 5);
    drop(next.take());
    assert!(!lock.is_locked());
}

#[test]
fn a_run_that_fails_frees_it() {
    let lock = DeferredLock::new();
    let failed = lock.run(|| Err::<u32, Failure>(Boom("at once").into()));
    assert!(!lock.is_locked());
    assert_eq!(boom_in(&failed.try_into_result().unwrap().unwrap_err()), "at once");

    let (inner, promise) = Deferred::<u32>::new();
    let failed = lock.run(|| inner);
    promise.errback(Boom("later"));
    assert!(!lock.is_locked());
    assert_eq!(boom_in(&failed.try_into_result().unwrap().unwrap_err()), "later");
}

#[test]
fn cancelling_a_run_in_line_never_calls_it_and_cancelling_one_that_runs_cancels_its_deferred() {
    let lock = DeferredLock::new();
    let token = granted(lock.acquire());
    let waiting = lock.run(|| -> Result<u32, Failure> { panic!("it was cancelled") });
    waiting.cancel_handle().cancel();
    drop(token);
    assert!(waiting.try_into_result().unwrap().unwrap_err().check::<Cancelled>());

    let (inner, promise) = Deferred::<u32>::new();
    let running = lock.run(|| inner);
    assert!(lock.is_locked());
    running.cancel_handle().cancel();
    assert!(promise.is_cancelled() && !lock.is_locked());
    assert!(running.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// lock-005
#[test]
fn cancelling_what_was_granted_does_nothing() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = lock.acquire();
    first.cancel_handle().cancel();
    assert!(lock.is_locked());
    let second = lock.acquire();
    let handle = second.cancel_handle();
    drop(granted(first));
    handle.cancel();
    let third = queue_up(&lock, "third", &log);
    assert!(lock.is_locked());
    drop(granted(second));
    assert_eq!(log.take(), ["third"]);
    drop(third.take());
}

/// lock-006
#[test]
fn cancelling_a_waiter_takes_it_out_of_the_line_and_the_others_move_up() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = granted(lock.acquire());
    let reported = reports(|| {
        let waiting = [lock.acquire(), lock.acquire(), lock.acquire()];
        let last = queue_up(&lock, "last", &log);
        for (at, deferred) in waiting.into_iter().enumerate() {
            let deferred = deferred.add_errback(move |failure| {
                failure.trap::<Cancelled>()?;
                Err(Boom(["one", "two", "three"][at]).into())
            });
            deferred.cancel_handle().cancel();
            let failure = deferred.try_into_result().unwrap().unwrap_err();
            assert_eq!(boom_in(&failure), ["one", "two", "three"][at]);
        }
        drop(first);
        assert_eq!(log.take(), ["last"]);
        drop(last.take());
    });
    assert!(!lock.is_locked());
    assert!(reported.is_empty(), "{reported:?}");

    let (first, second) = (granted(lock.acquire()), lock.acquire());
    second.cancel_handle().cancel();
    drop(first);
    assert!(!lock.is_locked(), "nobody is left to have it");
    assert!(second.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn a_waiter_whose_deferred_was_dropped_does_not_hold_up_the_others() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = granted(lock.acquire());
    drop(lock.acquire());
    let second = queue_up(&lock, "second", &log);
    drop(lock.acquire());
    drop(first);
    assert_eq!(log.take(), ["second"]);
    drop(second.take());
    assert!(!lock.is_locked());
}

#[test]
fn a_token_given_back_in_a_callback_of_a_hand_over_goes_on_right_after_that_callback() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = granted(lock.acquire());
    let (again, noted) = (lock.clone(), log.clone());
    lock.acquire().add_callback(move |token| {
        noted.note("second");
        token.release();
        assert!(again.is_locked(), "the third is in line for it");
        let late = noted.clone();
        again.run(move || {
            late.note("who came last");
            Ok(())
        });
        noted.note("second is done");
        Ok(())
    });
    let third = queue_up(&lock, "third", &log);
    drop(first);
    assert_eq!(log.take(), ["second", "second is done", "third"]);
    drop(third.take());
    assert_eq!(log.take(), ["who came last"]);
    assert!(!lock.is_locked());
}

#[test]
fn a_waiter_may_cancel_another_when_it_is_granted() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = granted(lock.acquire());
    let (second, third) = (lock.acquire(), lock.acquire());
    let (handle, noted) = (third.cancel_handle(), log.clone());
    second.add_callback(move |_token| {
        handle.cancel();
        noted.note("second");
        Ok(())
    });
    let fourth = queue_up(&lock, "fourth", &log);
    drop(first);
    assert_eq!(log.take(), ["second", "fourth"]);
    assert!(third.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    drop(fourth.take());
    assert!(!lock.is_locked());
}

#[test]
fn a_callback_that_panics_with_the_token_leaves_nobody_waiting() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = granted(lock.acquire());
    lock.acquire().add_callback(|_token| -> Result<(), Failure> { panic!("on purpose") });
    let third = queue_up(&lock, "third", &log);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
    assert_eq!(log.take(), ["third"]);
    let fourth = queue_up(&lock, "fourth", &log);
    drop(third.take());
    assert_eq!(log.take(), ["fourth"], "hand-overs work as before");
    drop(fourth.take());
    assert!(!lock.is_locked());

    let run = AssertUnwindSafe(|| lock.run(|| -> Result<(), Failure> { panic!("on purpose") }));
    assert!(catch_unwind(run).is_err());
    assert!(!lock.is_locked());
}

#[test]
fn those_in_line_have_their_turn_after_the_last_handle_was_dropped() {
    let (lock, log) = (DeferredLock::new(), Log::default());
    let first = granted(lock.acquire());
    let second = queue_up(&lock, "second", &log);
    let third = queue_up(&lock, "third", &log);
    let reported = reports(|| {
        drop(lock);
        drop(first);
        drop(second.take());
        drop(third.take());
    });
    assert_eq!(log.take(), ["second", "third"]);
    assert!(reported.is_empty(), "{reported:?}");
}

/// lock-014
#[test]
fn a_task_holds_it_to_the_end_of_the_block_and_gives_it_back_on_an_error() {
    for fails in [false, true] {
        let lock = DeferredLock::new();
        let (inside, promise) = Deferred::<u32>::new();
        let held = lock.clone();
        let mut task = Task::new(async move {
            let _token = held.acquire().await?;
            let n = inside.await?;
            Ok::<u32, Failure>(n + 1)
        });
        assert!(task.poll().is_pending());
        let next = lock.acquire();
        assert!(lock.is_locked() && !next.is_fired());
        match fails {
            false => promise.callback(1),
            true => promise.errback(Boom("inside")),
        }
        assert!(!next.is_fired(), "the task has not gone on yet");
        let Poll::Ready(outcome) = task.poll() else { panic!("it has what it waits for") };
        assert_eq!(outcome.map_err(|failure| boom_in(&failure)).is_err(), fails);
        assert!(next.is_fired());
        drop(granted(next));
        assert!(!lock.is_locked());
    }
}

/// lock-014: also where the future is dropped, in line, granted or in the block.
#[test]
fn a_task_that_is_dropped_gives_it_back_wherever_it_is() {
    let lock = DeferredLock::new();
    let new_task = || {
        let held = lock.clone();
        let mut task = Task::new(async move {
            let _token = held.acquire().await?;
            pending::<Result<(), Failure>>().await
        });
        assert!(task.poll().is_pending());
        task
    };
    let reported = reports(|| {
        let (inside, in_line, granted) = (new_task(), new_task(), new_task());
        let last = lock.acquire();
        drop(in_line);
        drop(inside);
        assert_eq!(granted.wakes(), 1, "it was granted, and is not polled");
        assert!(!last.is_fired());
        drop(granted);
        assert!(last.is_fired());
        drop(last);
        assert!(!lock.is_locked());
    });
    assert!(reported.is_empty(), "{reported:?}");
}
