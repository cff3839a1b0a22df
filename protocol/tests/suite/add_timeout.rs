//! Claims about Deferreds with a timeout.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{NotPending, NotRunning};
use ropewalk_protocol::task::{DeferredExt, TimedOut, TimeoutFault};
use ropewalk_protocol::testing::Clock;
use testkit::result_of;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(10);

type Seen<T> = Rc<RefCell<Vec<T>>>;

/// Counts how often what waits behind the timeout is cancelled.
fn waits_behind<T: 'static>(deferred: Deferred<T>, cancelled: &Rc<Cell<u32>>) -> Deferred<()> {
    let count = cancelled.clone();
    let (behind, promise) = Deferred::<()>::with_canceller(move || {
        count.set(count.get() + 1);
        None
    });
    std::mem::forget(promise); // It never fires, and is never dropped either.
    deferred.add_both(move |_| behind)
}

fn never_called<T>(_: Result<T, Failure>, _: Duration) -> Result<T, Failure> {
    panic!("the time is not over")
}

/// timeout-002
#[test]
fn it_can_be_chained_and_a_result_in_time_passes() {
    let clock = Clock::new();
    let (deferred, promise) = Deferred::<&str>::new();
    let seen = Seen::default();
    let see = seen.clone();
    let chained = deferred.add_timeout(LIMIT, &clock).add_callback(move |value| {
        see.borrow_mut().push(value);
        Ok(value)
    });
    promise.callback("done");
    assert_eq!(*seen.borrow(), ["done"]);
    assert_eq!(result_of(chained).unwrap(), "done");
    assert_eq!(clock.pending(), 0);
}

/// timeout-003
#[test]
fn a_value_in_time_takes_the_timeout_off_the_clock_and_nothing_behind_is_cancelled() {
    for translated in [false, true] {
        let (clock, cancelled) = (Clock::new(), Rc::default());
        let (deferred, promise) = Deferred::<u32>::new();
        let deferred = match translated {
            false => deferred.add_timeout(LIMIT, &clock),
            true => deferred.add_timeout_with(LIMIT, &clock, never_called),
        };
        let (seen, watch) = (Seen::default(), clock.clone());
        let see = seen.clone();
        let deferred = deferred.add_callback(move |value| {
            see.borrow_mut().push((value, watch.pending()));
            Ok(value)
        });
        let behind = waits_behind(deferred, &cancelled);
        clock.advance(SECOND * 9);
        promise.callback(7);
        assert_eq!(*seen.borrow(), [(7, 0)], "it is off before the next callback");
        clock.advance(SECOND * 20);
        assert_eq!((cancelled.get(), behind.is_fired()), (0, false));
    }
}

/// timeout-004
#[test]
fn an_error_in_time_stays_the_same_and_nothing_behind_is_cancelled() {
    for translated in [false, true] {
        let (clock, cancelled) = (Clock::new(), Rc::default());
        let (deferred, promise) = Deferred::<u32>::new();
        let deferred = match translated {
            false => deferred.add_timeout(LIMIT, &clock),
            true => deferred.add_timeout_with(LIMIT, &clock, never_called),
        };
        let failure = Failure::new(NotPending);
        let same = failure.clone();
        let deferred = deferred.add_errback(move |failure| {
            assert!(std::ptr::addr_eq(failure.as_error(), same.as_error()));
            Ok(0)
        });
        let behind = waits_behind(deferred, &cancelled);
        promise.errback(failure);
        assert_eq!(clock.pending(), 0);
        clock.advance(SECOND * 20);
        assert_eq!((cancelled.get(), behind.is_fired()), (0, false));
    }
}

/// timeout-005
#[test]
fn when_the_time_is_over_it_fails_with_timed_out() {
    let clock = Clock::new();
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_timeout(LIMIT, &clock);
    clock.advance(SECOND * 9);
    assert!(!deferred.is_fired());
    clock.advance(SECOND);
    let failure = result_of(deferred).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&TimedOut::new(LIMIT)));
    assert_eq!(failure.to_string(), "timed out after 10s");
    promise.callback(1);
}

/// timeout-006
#[test]
fn a_translation_chooses_the_result_and_may_wait_for_it() {
    let clock = Clock::new();
    let (deferred, _promise) = Deferred::<String>::new();
    let deferred = deferred.add_timeout_with(LIMIT, &clock, |result, timeout| {
        let failure = result.expect_err("nobody has fired it");
        Ok(format!("{failure} after {timeout:?}"))
    });
    let (fallback, fallback_promise) = Deferred::<u32>::new();
    let (waiting, _promise) = Deferred::<u32>::new();
    let waiting = waiting.add_timeout_with(LIMIT, &clock, move |_, _| fallback);
    clock.advance(LIMIT);
    assert_eq!(result_of(deferred).unwrap(), "cancelled after 10s");
    assert!(!waiting.is_fired());
    fallback_promise.callback(5);
    assert_eq!(result_of(waiting).unwrap(), 5);
}

/// timeout-007
#[test]
fn a_value_that_the_canceller_has_is_the_result() {
    let clock = Clock::new();
    let (deferred, _promise) = Deferred::<&str>::with_canceller(|| Some(Ok("what there was")));
    let deferred = deferred.add_timeout(LIMIT, &clock);
    clock.advance(LIMIT);
    assert_eq!(result_of(deferred).unwrap(), "what there was");
}

/// timeout-008
#[test]
fn an_error_of_the_cancellers_own_stays_the_same() {
    let clock = Clock::new();
    let failure = Failure::new(NotPending);
    let own = failure.clone();
    let (deferred, _promise) = Deferred::<u32>::with_canceller(|| Some(Err(own)));
    let deferred = deferred.add_timeout(LIMIT, &clock);
    clock.advance(LIMIT);
    let got = result_of(deferred).unwrap_err();
    assert!(std::ptr::addr_eq(got.as_error(), failure.as_error()));
}

/// timeout-009
#[test]
fn a_cancellation_by_hand_is_no_timeout_and_none_follows_it() {
    for translated in [false, true] {
        let (clock, cancelled) = (Clock::new(), Rc::default());
        let (deferred, _promise) = Deferred::<u32>::new();
        let deferred = match translated {
            false => deferred.add_timeout(LIMIT, &clock),
            true => deferred.add_timeout_with(LIMIT, &clock, never_called),
        };
        let handle = deferred.cancel_handle();
        let deferred = deferred.add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok(0)
        });
        let behind = waits_behind(deferred, &cancelled);
        handle.cancel();
        assert_eq!(clock.pending(), 0);
        clock.advance(SECOND * 20);
        assert_eq!((cancelled.get(), behind.is_fired()), (0, false));
    }
}

/// timeout-010
#[test]
fn a_translation_is_applied_to_an_error_of_the_cancellers_own() {
    let clock = Clock::new();
    let (deferred, _promise) =
        Deferred::<u32>::with_canceller(|| Some(Err(Failure::new(NotPending))));
    let deferred = deferred.add_timeout_with(LIMIT, &clock, |result, _| {
        assert!(result.expect_err("the canceller failed it").check::<NotPending>());
        Err(NotRunning.into())
    });
    clock.advance(LIMIT);
    assert!(result_of(deferred).unwrap_err().check::<NotRunning>());
}

/// timeout-012
#[test]
fn an_errback_from_before_that_handles_the_cancellation_makes_it_succeed() {
    let clock = Clock::new();
    let (deferred, _promise) = Deferred::<&str>::new();
    let deferred = deferred
        .add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok("never mind")
        })
        .add_timeout(LIMIT, &clock);
    clock.advance(LIMIT);
    assert_eq!(result_of(deferred).unwrap(), "never mind");
}

/// timeout-014
#[test]
fn a_callback_from_before_sees_the_cancellers_value_and_a_translation_replaces_it() {
    for translated in [false, true] {
        let (clock, seen) = (Clock::new(), Seen::default());
        let see = seen.clone();
        let (deferred, _promise) = Deferred::<u32>::with_canceller(|| Some(Ok(1)));
        let deferred = deferred.add_callback(move |value| {
            see.borrow_mut().push(value);
            Ok(value)
        });
        let deferred = match translated {
            false => deferred.add_timeout(LIMIT, &clock),
            true => deferred.add_timeout_with(LIMIT, &clock, |result, _| {
                assert_eq!(result.expect("the canceller had a value"), 1);
                Ok(2)
            }),
        };
        clock.advance(LIMIT);
        assert_eq!(*seen.borrow(), [1]);
        assert_eq!(result_of(deferred).unwrap(), if translated { 2 } else { 1 });
    }
}

#[test]
fn it_cancels_what_the_chain_waits_for_at_that_time() {
    let (clock, cancelled) = (Clock::new(), Rc::default());
    let (first, promise) = Deferred::<u32>::new();
    let deferred = waits_behind(first, &cancelled).add_timeout(LIMIT, &clock);
    promise.callback(1);
    clock.advance(LIMIT);
    assert_eq!(cancelled.get(), 1);
    assert!(result_of(deferred).unwrap_err().check::<TimedOut>());
}

#[test]
fn two_timeouts_each_cover_what_was_added_before() {
    let clock = Clock::new();
    let (deferred, _promise) = Deferred::<u32>::new();
    let (slow, _slow_promise) = Deferred::<u32>::new();
    let deferred = deferred
        .add_timeout(SECOND * 2, &clock)
        .add_errback(move |failure| {
            assert_eq!(failure.downcast_ref(), Some(&TimedOut::new(SECOND * 2)));
            slow
        })
        .add_timeout(SECOND * 5, &clock);
    clock.advance(SECOND * 2);
    assert_eq!((deferred.is_fired(), clock.pending()), (false, 1));
    clock.advance(SECOND * 3);
    let failure = result_of(deferred).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&TimedOut::new(SECOND * 5)));
}

#[test]
fn a_deferred_that_has_its_result_asks_for_no_call() {
    let clock = Clock::new();
    let deferred = Deferred::<u32>::succeed(3).add_timeout(Duration::ZERO, &clock);
    assert_eq!(clock.pending(), 0);
    assert_eq!(result_of(deferred).unwrap(), 3);
}

#[test]
fn a_clock_that_is_gone_times_nothing_out() {
    let clock = Clock::new();
    let (deferred, promise) = Deferred::<u32>::new();
    let deferred = deferred.add_timeout_with(LIMIT, &clock, never_called);
    drop(clock);
    promise.callback(3);
    assert_eq!(result_of(deferred).unwrap(), 3);
}

#[derive(Debug, PartialEq)]
enum LookUpError {
    NotFound,
    Cancelled,
    TimedOut(TimedOut),
}

impl From<Cancelled> for LookUpError {
    fn from(_: Cancelled) -> Self {
        LookUpError::Cancelled
    }
}

impl TimeoutFault for LookUpError {
    fn timed_out(self, timed_out: TimedOut) -> Self {
        match self {
            LookUpError::Cancelled => LookUpError::TimedOut(timed_out),
            LookUpError::NotFound | LookUpError::TimedOut(_) => self,
        }
    }
}

#[test]
fn an_error_type_of_ones_own_has_its_own_word_for_it() {
    let clock = Clock::new();
    let (late, _promise) = Deferred::<u32, LookUpError>::new();
    let late = late.add_timeout(LIMIT, &clock);
    let (lost, _promise) =
        Deferred::<u32, LookUpError>::with_canceller(|| Some(Err(LookUpError::NotFound)));
    let lost = lost.add_timeout(LIMIT, &clock);
    clock.advance(LIMIT);
    let timed_out = LookUpError::TimedOut(TimedOut::new(LIMIT));
    assert_eq!(late.try_into_result().unwrap(), Err(timed_out));
    assert_eq!(lost.try_into_result().unwrap(), Err(LookUpError::NotFound));
}
