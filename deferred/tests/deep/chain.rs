//! Chains of a million, in a thread with a stack of 256 KiB.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use crate::support::{Task, reports};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, Promise};

const MANY: u64 = 1_000_000;

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(f);
    thread.expect("a thread").join().expect("no panic in it");
}

/// A million callbacks on one Deferred.
fn long() -> (Deferred<u64>, Promise<u64>) {
    let (mut deferred, promise) = Deferred::new();
    for _ in 0..MANY {
        deferred = deferred.add_callback(|n| Ok(n + 1));
    }
    (deferred, promise)
}

#[test]
fn a_million_callbacks_fire() {
    on_a_small_stack(|| {
        let (deferred, promise) = long();
        promise.callback(0);
        assert_eq!(deferred.try_into_result().unwrap().unwrap(), MANY);
    });
}

#[test]
fn a_million_callbacks_let_an_error_pass() {
    on_a_small_stack(|| {
        let (deferred, promise) = long();
        promise.errback(Cancelled);
        assert!(deferred.try_into_result().unwrap().is_err());
    });
}

#[test]
fn a_million_callbacks_are_cancelled() {
    on_a_small_stack(|| {
        let (deferred, promise) = long();
        deferred.cancel_handle().cancel();
        assert!(promise.is_cancelled());
        assert!(deferred.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
}

#[test]
fn a_million_callbacks_are_dropped_unfired() {
    on_a_small_stack(|| {
        for deferred_first in [true, false] {
            let (deferred, promise) = long();
            let alive = Rc::new(());
            let (captured, halfway) = (alive.clone(), Rc::new(Cell::new(false)));
            let seen = halfway.clone();
            let deferred = deferred.add_both(move |outcome| {
                let _captured = &captured;
                seen.set(outcome.is_err());
                Ok(0)
            });
            let mut kept = None;
            match deferred_first {
                true => drop(deferred),
                false => kept = Some(deferred),
            }
            let reported = reports(|| drop(promise));
            assert_eq!(reported.len(), 1, "{reported:?}");
            drop(kept);
            assert!(halfway.get());
            assert_eq!(Rc::strong_count(&alive), 1);
        }
    });
}

#[test]
fn a_panic_before_a_million_callbacks_cancels_them() {
    on_a_small_stack(|| {
        let (deferred, promise) = Deferred::<u64>::new();
        let mut tail = deferred.add_callback(|_| -> Result<u64, _> { panic!("on purpose") });
        for _ in 0..MANY {
            tail = tail.add_callback(|n| Ok(n + 1));
        }
        let fire = std::panic::AssertUnwindSafe(|| promise.callback(0));
        assert!(std::panic::catch_unwind(fire).is_err());
        assert!(tail.try_into_result().unwrap().is_err());
    });
}

/// A million Deferreds, each returned from the callback of the one before: the first waits for the
/// second, that for the third and so on; the last is pending. `look` sees each before it is returned.
fn nested(mut look: impl FnMut(&Deferred<u64>)) -> (Deferred<u64>, Promise<u64>) {
    let (mut inner, innermost) = Deferred::<u64>::new();
    let mut promises = Vec::new();
    for _ in 0..MANY {
        let (outer, promise) = Deferred::<()>::new();
        let outer = outer.add_callback(|()| inner);
        look(&outer);
        promises.push(promise);
        inner = outer;
    }
    // From the outermost in, so that each one waits for one that waits itself.
    for promise in promises.into_iter().rev() {
        promise.callback(());
    }
    assert!(!inner.is_fired());
    (inner, innermost)
}

/// The same, with a handle on each, so that each of them has to be kept.
fn nested_with_handles() -> (Vec<CancelHandle>, Deferred<u64>, Promise<u64>) {
    let mut handles = Vec::new();
    let (outermost, innermost) = nested(|deferred| handles.push(deferred.cancel_handle()));
    (handles, outermost, innermost)
}

/// deferred-039
#[test]
fn a_million_nested_deferreds_fire() {
    on_a_small_stack(|| {
        let (outermost, innermost) = nested(|_| {});
        innermost.callback(5);
        assert_eq!(outermost.try_into_result().unwrap().unwrap(), 5);
        let (_handles, outermost, innermost) = nested_with_handles();
        innermost.callback(6);
        assert_eq!(outermost.try_into_result().unwrap().unwrap(), 6);
    });
}

#[test]
fn a_million_nested_deferreds_are_cancelled() {
    on_a_small_stack(|| {
        let (outermost, innermost) = nested(|_| {});
        outermost.cancel_handle().cancel();
        assert!(innermost.is_cancelled());
        assert!(outermost.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
        let (handles, outermost, innermost) = nested_with_handles();
        handles[MANY as usize - 1].cancel();
        assert!(innermost.is_cancelled());
        assert!(outermost.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
}

/// deferred-039
#[test]
fn a_million_nested_deferreds_are_dropped_unfired() {
    on_a_small_stack(|| {
        for outermost_first in [true, false] {
            let (_handles, outermost, innermost) = nested_with_handles();
            let reported = reports(|| match outermost_first {
                true => {
                    drop(outermost);
                    drop(innermost);
                }
                false => {
                    drop(innermost);
                    drop(outermost);
                }
            });
            assert_eq!(reported.len(), 2, "the promise, and the error: {reported:?}");
        }
    });
}

#[test]
fn a_million_deferreds_are_nested_before_any_fires_and_dropped_in_either_order() {
    on_a_small_stack(|| {
        for outermost_first in [true, false] {
            let (mut inner, innermost) = Deferred::<u64>::new();
            let mut promises = vec![];
            for _ in 0..MANY {
                let (outer, promise) = Deferred::<()>::new();
                inner = outer.add_callback(|()| inner);
                promises.push(promise);
            }
            drop(inner);
            drop(innermost);
            if outermost_first {
                promises.reverse();
            }
            drop(promises);
        }
    });
}

#[test]
fn a_task_waits_behind_a_million_callbacks() {
    on_a_small_stack(|| {
        let (deferred, promise) = long();
        let mut task = Task::new(deferred);
        assert!(task.poll().is_pending());
        drop(task);
        assert!(promise.is_cancelled(), "the future was dropped");
    });
}
