//! Functions that are done when they return, or later; and firing with either rail.

use std::ptr;

use crate::support::{Boom, boom_in, reports};
use ropewalk_deferred::{CancelHandle, Deferred, Failure, Promise, execute, maybe_deferred};

/// deferred-017, deferred-018: what Twisted forwards as arguments the closure captures.
#[test]
fn a_function_that_returns_a_value_gives_a_fired_deferred() {
    let plus_five = |n: u32| Ok::<_, Failure>(n + 5);
    let deferred = maybe_deferred(|| plus_five(10));
    assert!(deferred.is_fired());
    let deferred = deferred.add_errback(|_| -> Result<u32, _> { panic!("there is no error") });
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 15);
    assert_eq!(execute(|| plus_five(1)).try_into_result().unwrap().unwrap(), 6);
}

/// deferred-020
#[test]
fn a_function_that_returns_a_failure_gives_that_very_failure() {
    let failure = Failure::new(Boom("x"));
    let address = ptr::from_ref(failure.as_error()).cast::<()>();
    let again = failure.clone();
    for deferred in [maybe_deferred(|| Err::<u32, _>(failure)), execute(|| Err(again))] {
        let failure = deferred.try_into_result().unwrap().unwrap_err();
        assert_eq!(ptr::from_ref(failure.as_error()).cast::<()>(), address);
    }
}

/// deferred-021
#[test]
fn a_function_that_returns_a_deferred_gives_that_one() {
    for result in [Ok(1), Err(Boom("x"))] {
        let (later, promise) = Deferred::<u32>::new();
        let deferred = maybe_deferred(|| later);
        assert!(!deferred.is_fired());
        promise.fire(result.clone().map_err(Into::into));
        let outcome = deferred.try_into_result().unwrap();
        assert_eq!(outcome.map_err(|failure| boom_in(&failure)), result.map_err(|boom| boom.0));
    }
}

/// deferred-058
#[test]
fn firing_with_an_err_is_firing_with_an_error() {
    let fire: [fn(Promise<u32>); 2] =
        [|promise| promise.fire(Err(Boom("x").into())), |promise| promise.errback(Boom("x"))];
    for fire in fire {
        let (deferred, promise) = Deferred::<u32>::new();
        let deferred = deferred.add_callback(|_| -> Result<u32, _> { panic!("not for errors") });
        fire(promise);
        assert_eq!(boom_in(&deferred.try_into_result().unwrap().unwrap_err()), "x");
    }
}

/// deferred-048: firing twice does not compile. What else could fire it a second time does nothing,
/// and the first result stays.
#[test]
fn the_first_result_stays_whatever_comes_after_it() {
    type Again = fn(CancelHandle, Option<Promise<u32>>);
    const AGAIN: [Again; 3] = [
        |handle, _| handle.cancel(),
        |_, promise| drop(promise),
        |_, promise| promise.into_iter().for_each(|promise| promise.errback(Boom("second"))),
    ];
    for again in AGAIN {
        for cancelled_first in [true, false] {
            let reported = reports(|| {
                let (deferred, promise) = Deferred::<u32>::with_canceller(|| Some(Ok(1)));
                let handle = deferred.cancel_handle();
                let mut promise = Some(promise);
                match cancelled_first {
                    true => handle.cancel(),
                    false => promise.take().into_iter().for_each(|promise| promise.callback(1)),
                }
                again(handle, promise);
                assert_eq!(deferred.try_into_result().unwrap().unwrap(), 1);
            });
            assert!(reported.is_empty(), "{reported:?}");
        }
    }
}
