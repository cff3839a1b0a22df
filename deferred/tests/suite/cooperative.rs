//! Cancellers that ask: the promise answers, and the result is what it fires.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{Boom, Log, OnDrop, Task, boom_in, reports};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, Promise};

type Kept<T> = Rc<RefCell<Option<T>>>;

/// A Deferred whose canceller counts, and does what `asked` does with the promise.
fn asking(
    calls: &Rc<Cell<u32>>,
    mut asked: impl FnMut(Promise<u32>) -> Option<Promise<u32>> + 'static,
) -> (Deferred<u32>, Kept<Promise<u32>>) {
    let (calls, kept) = (calls.clone(), Kept::<Promise<u32>>::default());
    let inside = kept.clone();
    let (deferred, promise) = Deferred::with_cooperative_canceller(move || {
        calls.set(calls.get() + 1);
        let promise = inside.take();
        let left = promise.and_then(&mut asked);
        *inside.borrow_mut() = left;
    });
    *kept.borrow_mut() = Some(promise);
    (deferred, kept)
}

#[test]
fn each_cancellation_asks_again_until_the_promise_fires() {
    let calls = Rc::default();
    let (deferred, kept) = asking(&calls, Some);
    let handle = deferred.cancel_handle();
    handle.cancel();
    handle.cancel();
    let promise = kept.take().unwrap();
    assert!(!deferred.is_fired() && !promise.is_cancelled(), "what it fires still counts");
    promise.callback(7);
    handle.cancel();
    assert_eq!(calls.get(), 2);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 7);
}

#[test]
fn a_promise_fired_inside_the_canceller_is_the_result() {
    let calls = Rc::default();
    let log = Log::default();
    let seen = log.clone();
    let (deferred, _kept) = asking(&calls, |promise| {
        promise.errback(Boom("stopped"));
        None
    });
    let deferred = deferred.add_errback(move |failure| {
        seen.note(boom_in(&failure));
        Ok(0)
    });
    let handle = deferred.cancel_handle();
    handle.cancel();
    handle.cancel();
    assert_eq!((log.take(), calls.get()), (vec!["stopped".to_string()], 1));
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 0);
}

#[test]
fn a_promise_dropped_inside_the_canceller_is_cancelled_and_nobody_is_told() {
    let calls = Rc::default();
    let reported = reports(|| {
        let (deferred, _kept) = asking(&calls, |promise| {
            drop(promise);
            None
        });
        let handle = deferred.cancel_handle();
        handle.cancel();
        handle.cancel();
        assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
    assert_eq!(calls.get(), 1);
    assert!(reported.is_empty(), "{reported:?}");
}

#[test]
fn a_promise_dropped_after_it_was_asked_is_told_to_the_hook() {
    let reported = reports(|| {
        let (deferred, kept) = asking(&Rc::default(), Some);
        deferred.cancel_handle().cancel();
        drop(kept.take());
        assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
    assert_eq!(reported, ["promise of u32 dropped unfired, its Deferred is cancelled"]);
}

#[test]
fn a_cancellation_from_inside_the_canceller_does_nothing() {
    let handle = Kept::<CancelHandle>::default();
    let (again, calls) = (handle.clone(), Rc::default());
    let (deferred, kept) = asking(&calls, move |promise| {
        let handle = again.borrow().clone().expect("it was left there");
        handle.cancel();
        Some(promise)
    });
    *handle.borrow_mut() = Some(deferred.cancel_handle());
    deferred.cancel_handle().cancel();
    assert_eq!(calls.get(), 1);
    kept.take().unwrap().callback(1);
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
}

#[test]
fn a_panic_inside_the_canceller_has_cancelled_and_keeps_nobody_waiting() {
    let (deferred, kept) = asking(&Rc::default(), |_| panic!("on purpose"));
    let handle = deferred.cancel_handle();
    let mut task = Task::new(deferred.add_callback(|n| Ok(n + 1)));
    assert!(task.poll().is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| handle.cancel())).is_err());
    assert!(kept.take().is_none(), "it was dropped while the panic unwound");
    assert_eq!(task.wakes(), 1);
    assert!(task.poll().is_ready());
}

#[test]
fn a_panic_inside_the_canceller_cancels_also_what_still_has_its_promise() {
    let (deferred, promise) = Deferred::<u32>::with_cooperative_canceller(|| panic!("on purpose"));
    let handle = deferred.cancel_handle();
    assert!(catch_unwind(AssertUnwindSafe(|| handle.cancel())).is_err());
    assert!(promise.is_cancelled());
    handle.cancel();
    assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn the_canceller_is_dropped_before_the_callbacks_of_what_the_promise_fires() {
    for asked_first in [true, false] {
        let log = Log::default();
        let (dropped, ran) = (log.clone(), log.clone());
        let captured = OnDrop(move || dropped.note("canceller dropped"));
        let (deferred, promise) = Deferred::<u32>::with_cooperative_canceller(move || {
            let _captured = &captured;
        });
        let handle = deferred.cancel_handle();
        deferred.add_callback(move |_| {
            ran.note("callback");
            Ok(())
        });
        if asked_first {
            handle.cancel();
        }
        promise.callback(1);
        assert_eq!(log.take(), ["canceller dropped", "callback"]);
    }
}

#[test]
fn one_that_stands_for_two_cancels_both_and_fires_when_they_have() {
    let (a, a_promise) = Deferred::<u32>::new();
    let (b, b_promise) = Deferred::<u32>::new();
    let handles = [a.cancel_handle(), b.cancel_handle()];
    let (both, promise) = Deferred::<Vec<bool>>::with_cooperative_canceller(move || {
        handles.iter().for_each(CancelHandle::cancel);
    });
    let (left, done) = (Rc::new(RefCell::new(Some(promise))), Rc::new(RefCell::new(vec![])));
    for part in [a, b] {
        let (left, done) = (left.clone(), done.clone());
        part.add_both(move |outcome| {
            done.borrow_mut().push(outcome.is_ok());
            if done.borrow().len() == 2 {
                let promise = left.take().expect("it fires once");
                promise.callback(done.take());
            }
            Ok(())
        });
    }
    a_promise.callback(1);
    both.cancel_handle().cancel();
    assert!(b_promise.is_cancelled());
    assert_eq!(both.try_into_result().unwrap().unwrap(), [true, false]);
}
