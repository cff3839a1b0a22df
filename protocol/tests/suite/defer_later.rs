//! Claims about calls that are made some time from now.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::NotPending;
use ropewalk_protocol::task::{defer_later, sleep};
use ropewalk_protocol::testing::Clock;

const SECOND: Duration = Duration::from_secs(1);

fn failure_of<T: 'static>(deferred: Deferred<T>) -> Failure {
    deferred.try_into_result().ok().expect("it has fired").err().expect("it has failed")
}

/// task-024
#[test]
fn the_function_is_called_once_when_its_time_has_come_and_its_value_is_given() {
    let (clock, calls) = (Clock::new(), Rc::new(Cell::new(0)));
    let called = calls.clone();
    let later = defer_later(&clock, SECOND * 3, move || {
        called.set(called.get() + 1);
        Ok::<_, Failure>("made")
    });
    clock.advance(SECOND * 2);
    assert_eq!((calls.get(), later.is_fired()), (0, false));
    clock.advance(SECOND);
    assert_eq!(calls.get(), 1);
    clock.advance(SECOND * 10);
    assert_eq!(calls.get(), 1);
    assert_eq!(later.try_into_result().unwrap().unwrap(), "made");
}

/// task-025
#[test]
fn what_the_function_fails_with_the_deferred_fails_with() {
    let clock = Clock::new();
    let later = defer_later(&clock, SECOND, || Err::<(), Failure>(NotPending.into()));
    clock.advance(SECOND);
    assert!(failure_of(later).check::<NotPending>());
}

#[test]
fn a_deferred_that_the_function_returns_is_waited_for_and_is_what_cancelling_reaches() {
    let (clock, stopped) = (Clock::new(), Rc::new(Cell::new(false)));
    let stop = stopped.clone();
    let (inner, promise) = Deferred::<u32>::with_canceller(move || {
        stop.set(true);
        None
    });
    let later = defer_later(&clock, SECOND, move || inner);
    let handle = later.cancel_handle();
    clock.advance(SECOND);
    assert!(!later.is_fired());
    handle.cancel();
    assert!(stopped.get() && failure_of(later).check::<Cancelled>());
    drop(promise);
}

/// task-026
#[test]
fn cancelling_leaves_no_call_on_the_clock_and_drops_the_function_uncalled() {
    let (clock, held) = (Clock::new(), Rc::new(()));
    let inside = held.clone();
    let later = defer_later(&clock, SECOND, move || {
        drop(inside);
        Err::<(), Failure>(NotPending.into())
    });
    later.cancel_handle().cancel();
    assert_eq!((clock.pending(), Rc::strong_count(&held)), (0, 1));
    assert!(failure_of(later).check::<Cancelled>());
    clock.advance(SECOND);
}

/// task-027
#[test]
fn without_a_function_it_fires_with_nothing() {
    let clock = Clock::new();
    let nap = sleep(&clock, SECOND * 10);
    clock.advance(SECOND * 9);
    assert!(!nap.is_fired());
    clock.advance(SECOND);
    assert!(nap.try_into_result().unwrap().is_ok());
}

#[test]
fn dropping_the_deferred_takes_nothing_back() {
    let (clock, calls) = (Clock::new(), Rc::new(Cell::new(0)));
    let called = calls.clone();
    drop(defer_later(&clock, SECOND, move || {
        called.set(called.get() + 1);
        Ok::<_, Failure>(())
    }));
    clock.advance(SECOND);
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_clock_that_ends_first_cancels_it() {
    let clock = Clock::new();
    let nap = sleep(&clock, SECOND);
    drop(clock);
    assert!(failure_of(nap).check::<Cancelled>());
}

#[test]
fn the_errors_may_be_of_any_kind() {
    let clock = Clock::new();
    let later = defer_later(&clock, SECOND, || Err::<(), _>(Cancelled));
    clock.advance(SECOND);
    assert_eq!(later.try_into_result().unwrap(), Err(Cancelled));
}
