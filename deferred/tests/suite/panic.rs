//! A panic in foreign code unwinds through the firing call, and no waiter waits for ever.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{Log, OnDrop, Task, panic_in_hook};
use ropewalk_deferred::{Cancelled, Deferred, Promise};

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn what_waits_behind_a_callback_that_panics_is_cancelled() {
    let log = Log::default();
    let (deferred, promise) = Deferred::<u32>::new();
    let cleanup = log.clone();
    let tail = deferred.add_callback(|_| -> Result<u32, _> { panic!("on purpose") }).add_both(
        move |outcome| {
            cleanup.note(outcome.as_ref().unwrap_err().to_string());
            outcome
        },
    );
    assert!(panics(|| promise.callback(1)));
    assert_eq!(log.take(), ["cancelled"]);
    assert!(tail.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn a_task_behind_a_callback_that_panics_is_woken() {
    let (deferred, promise) = Deferred::<u32>::new();
    let mut task = Task::new(deferred.add_callback(|_| -> Result<u32, _> { panic!("on purpose") }));
    assert!(task.poll().is_pending());
    assert!(panics(|| promise.callback(1)));
    assert_eq!(task.wakes(), 1);
    assert!(task.poll().is_ready());
}

#[test]
fn an_outer_is_cancelled_when_the_inner_panics() {
    let (inner, inner_promise) = Deferred::<u32>::new();
    let outer = Deferred::<()>::succeed(())
        .add_callback(|()| inner.add_callback(|_| -> Result<u32, _> { panic!("on purpose") }));
    let outer = outer.add_callback(|n| Ok(n + 1));
    assert!(panics(|| inner_promise.callback(1)));
    assert!(outer.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn a_canceller_that_panics_has_cancelled() {
    let (deferred, promise) = Deferred::<u32>::with_canceller(|| panic!("on purpose"));
    let handle = deferred.cancel_handle();
    assert!(panics(|| handle.cancel()));
    assert!(promise.is_cancelled());
    assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn a_canceller_whose_destructor_panics_keeps_nobody_waiting() {
    let log = Log::default();
    let captured = OnDrop(|| panic!("on purpose"));
    let (deferred, promise) = Deferred::<u32>::with_canceller(move || {
        let _captured = &captured;
        None
    });
    let seen = log.clone();
    let tail = deferred.add_callback(move |n| {
        seen.note(format!("{n}"));
        Ok(n)
    });
    assert!(panics(|| promise.callback(1)));
    assert_eq!(log.take(), ["1"]);
    assert_eq!(tail.try_into_result().unwrap().unwrap(), 1);
}

#[test]
fn a_canceller_that_asks_and_whose_destructor_panics_keeps_nobody_waiting() {
    let held = Rc::new(Cell::new(None::<Promise<u32>>));
    let (asked, captured) = (held.clone(), OnDrop(|| panic!("on purpose")));
    let (deferred, promise) = Deferred::<u32>::with_cooperative_canceller(move || {
        let _captured = &captured;
        drop(asked.take());
    });
    held.set(Some(promise));
    let tail = deferred.add_errback(|failure| failure.trap::<Cancelled>().map(|_| 7));
    let handle = tail.cancel_handle();
    assert!(panics(|| handle.cancel()));
    assert_eq!(tail.try_into_result().unwrap().unwrap(), 7);
}

#[test]
fn who_waits_for_a_promise_that_is_dropped_is_cancelled_although_the_hook_panics() {
    let (deferred, promise) = Deferred::<u32>::new();
    let tail = deferred.add_errback(|failure| failure.trap::<Cancelled>().map(|_| 7));
    panic_in_hook();
    assert!(panics(|| drop(promise)));
    assert_eq!(tail.try_into_result().unwrap().unwrap(), 7);
}

#[test]
fn nothing_leaks_behind_a_callback_that_panics() {
    let alive = Rc::new(());
    let (deferred, promise) = Deferred::<u32>::new();
    let mut tail = deferred.add_callback(|_| -> Result<u32, _> { panic!("on purpose") });
    for _ in 0..10 {
        let alive = alive.clone();
        tail = tail.add_both(move |outcome| {
            let _captured = &alive;
            outcome.or(Ok(1))
        });
    }
    drop(tail);
    assert!(panics(|| promise.callback(1)));
    assert_eq!(Rc::strong_count(&alive), 1);
}
