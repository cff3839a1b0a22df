//! `race`: the first value wins, the others are cancelled.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{Boom, Log, boom_in, reports};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, Failure, FailureGroup, Promise, race};

/// A member that notes when it is cancelled.
fn noting(log: &Log, name: &'static str) -> (Deferred<u32>, Promise<u32>) {
    let log = log.clone();
    Deferred::with_canceller(move || {
        log.note(name);
        None
    })
}

fn names(group: &FailureGroup) -> Vec<&'static str> {
    group.failures().iter().map(boom_in).collect()
}

/// deferredlist-022
#[test]
fn the_first_value_wins_and_every_other_is_cancelled_once_and_the_winner_never() {
    for winner in 0..3 {
        let log = Log::default();
        let (zero, zero_promise) = noting(&log, "0");
        let (one, one_promise) = noting(&log, "1");
        let (two, two_promise) = noting(&log, "2");
        let seen = log.clone();
        let first = race([zero, one, two]).add_callback(move |(index, value)| {
            seen.note(format!("{value} from {index}"));
            Ok(())
        });
        let mut promises = vec![zero_promise, one_promise, two_promise];
        promises.remove(winner).callback(7);
        let mut expected = vec!["0".to_string(), "1".into(), "2".into()];
        expected.remove(winner);
        expected.push(format!("7 from {winner}"));
        assert_eq!(log.take(), expected, "the result comes after the cancellations");
        assert!(promises.iter().all(Promise::is_cancelled));
        first.cancel_handle().cancel();
        assert!(log.take().is_empty());
    }
}

#[test]
fn a_member_that_had_its_value_wins_and_all_others_are_cancelled() {
    let log = Log::default();
    let (zero, _zero_promise) = noting(&log, "0");
    let (three, _three_promise) = noting(&log, "3");
    let first = race([zero, Deferred::succeed(1), Deferred::succeed(2), three]);
    assert_eq!(log.take(), ["0", "3"]);
    assert_eq!(first.try_into_result().unwrap().unwrap(), (1, 1));
}

/// deferredlist-023
#[test]
fn when_all_fail_the_result_is_the_group_in_the_order_of_the_members_and_nobody_is_cancelled() {
    let log = Log::default();
    let (zero, zero_promise) = noting(&log, "0");
    let (one, one_promise) = noting(&log, "1");
    let first = race([zero, one, Deferred::fail(Boom("c"))]);
    one_promise.errback(Boom("b"));
    assert!(!first.is_fired());
    zero_promise.errback(Boom("a"));
    let group = first.try_into_result().unwrap().unwrap_err();
    assert_eq!(names(&group), ["a", "b", "c"]);
    assert!(!group.is_cancelled() && log.take().is_empty());
    assert_eq!(group.into_failures().len(), 3);
}

/// deferredlist-024
#[test]
fn what_a_loser_fires_after_it_was_cancelled_is_dropped_without_a_word() {
    let reported = reports(|| {
        let (zero, zero_promise) = Deferred::<u32>::new();
        let (one, one_promise) = Deferred::<u32>::new();
        let (two, two_promise) = Deferred::with_cooperative_canceller(|| {});
        let first = race([zero, one, two]);
        zero_promise.callback(0);
        one_promise.errback(Boom("late"));
        two_promise.errback(Boom("it did not stop at once"));
        assert_eq!(first.try_into_result().unwrap().unwrap(), (0, 0));
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferredlist-025
#[test]
fn a_loser_whose_canceller_chooses_a_value_does_not_win() {
    let (zero, zero_promise) = Deferred::<u32>::new();
    let (one, _one_promise) = Deferred::<u32>::with_canceller(|| Some(Ok(9)));
    let first = race([zero, one]);
    zero_promise.callback(5);
    assert_eq!(first.try_into_result().unwrap().unwrap(), (0, 5));
}

/// deferredlist-026
#[test]
fn cancelling_it_cancels_every_member_once_and_gives_the_group() {
    let log = Log::default();
    let (zero, zero_promise) = noting(&log, "0");
    let (one, one_promise) = noting(&log, "1");
    let first = race([zero, one]);
    first.cancel_handle().cancel();
    first.cancel_handle().cancel();
    assert_eq!(log.take(), ["0", "1"]);
    let group = first.try_into_result().unwrap().unwrap_err();
    assert_eq!(group.failures().len(), 2);
    assert!(group.failures().iter().all(Failure::check::<Cancelled>));
    zero_promise.callback(0);
    one_promise.callback(0);
}

#[test]
fn cancelling_it_is_won_by_a_member_whose_canceller_chooses_a_value() {
    let log = Log::default();
    let (zero, _zero_promise) = noting(&log, "0");
    let (one, _one_promise) = Deferred::<u32>::with_canceller(|| Some(Ok(1)));
    let (two, _two_promise) = noting(&log, "2");
    let first = race([zero, one, two]);
    first.cancel_handle().cancel();
    assert_eq!(log.take(), ["0", "2"]);
    assert_eq!(first.try_into_result().unwrap().unwrap(), (1, 1));
}

#[test]
fn cancelling_it_does_not_wait_for_members_that_do_not_answer() {
    let asked = Rc::new(Cell::new(false));
    let ask = asked.clone();
    let (slow, slow_promise) = Deferred::<u32>::with_cooperative_canceller(move || ask.set(true));
    let first = race([slow, Deferred::fail(Boom("x"))]);
    first.cancel_handle().cancel();
    assert!(asked.get());
    let group = first.try_into_result().unwrap().unwrap_err();
    assert!(group.is_cancelled() && group.failures().is_empty());
    slow_promise.callback(1);
}

#[test]
fn a_race_without_members_has_no_result_before_it_is_cancelled() {
    let fired = Rc::new(Cell::new(false));
    let seen = fired.clone();
    let first = race(Vec::<Deferred<u32>>::new()).add_both(move |outcome| {
        seen.set(true);
        outcome
    });
    assert!(!fired.get());
    first.cancel_handle().cancel();
    assert!(first.try_into_result().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_loser_whose_canceller_panics_keeps_no_other_running_and_the_winner_has_won() {
    let log = Log::default();
    let (zero, zero_promise) = Deferred::<u32>::new();
    let (wild, _wild_promise) = Deferred::<u32>::with_canceller(|| panic!("on purpose"));
    let (two, _two_promise) = noting(&log, "2");
    let first = race([zero, wild, two]);
    assert!(catch_unwind(AssertUnwindSafe(|| zero_promise.callback(5))).is_err());
    assert_eq!(log.take(), ["2"]);
    assert_eq!(first.try_into_result().unwrap().unwrap(), (0, 5));
}

#[test]
fn a_loser_may_cancel_the_race_from_its_canceller_and_each_is_cancelled_once() {
    let (kept, log) = (Rc::new(RefCell::new(None::<CancelHandle>)), Log::default());
    let (cancels, notes) = (kept.clone(), log.clone());
    let (zero, zero_promise) = Deferred::<u32>::new();
    let (one, _one_promise) = Deferred::<u32>::with_canceller(move || {
        notes.note("1");
        let handle = cancels.take().expect("it was left there");
        handle.cancel();
        None
    });
    let (two, _two_promise) = noting(&log, "2");
    let first = race([zero, one, two]);
    *kept.borrow_mut() = Some(first.cancel_handle());
    zero_promise.callback(5);
    assert_eq!(log.take(), ["1", "2"]);
    let group = first.try_into_result().unwrap().unwrap_err();
    assert!(group.is_cancelled(), "it was cancelled before it had its result");
}

#[test]
fn a_group_shows_every_error_and_becomes_a_failure() {
    let first = race([Deferred::<u32>::fail(Boom("a")), Deferred::fail(Boom("b"))]);
    let failure = first.map_err(Failure::new).try_into_result().unwrap().unwrap_err();
    assert_eq!(format!("{failure:#}"), "every member of the race failed: boom a; boom b");
    let typed = race([Deferred::<u32, Cancelled>::fail(Cancelled)]);
    let group = typed.try_into_result().unwrap().unwrap_err();
    assert_eq!(group.to_string(), "every member of the race failed: cancelled");
    assert_eq!(format!("{group:?}"), "FailureGroup { failures: [Cancelled] }");
    let cancelled = FailureGroup::<Cancelled>::from(Cancelled);
    assert_eq!(cancelled.to_string(), "the race was cancelled");
    assert_ne!(group, cancelled);
}
