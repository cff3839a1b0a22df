//! Claims about the test clock; it makes the same ones as a reactor, through the same handle.
//!
//! Where Twisted tells `AlreadyCalled` from `AlreadyCancelled`, there is one error, `NotPending`: a
//! clock knows nothing of a call that is over.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{DelayedCall, NotPending, ReactorTime};
use ropewalk_protocol::testing::Clock;

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);

/// What ran, and what the clock read then, in halves of a second.
#[derive(Clone, Default)]
struct Runs(Rc<RefCell<Vec<(&'static str, u128)>>>);

impl Runs {
    fn call(&self, clock: &Clock, name: &'static str) -> Box<dyn FnOnce()> {
        let (runs, clock) = (self.clone(), clock.clone());
        Box::new(move || runs.0.borrow_mut().push((name, clock.now().as_millis() / 500)))
    }

    fn later(&self, clock: &Clock, seconds: u32, name: &'static str) -> DelayedCall {
        clock.call_later(SECOND * seconds, self.call(clock, name))
    }

    fn all(&self) -> Vec<(&'static str, u128)> {
        self.0.borrow().clone()
    }
}

fn halves(count: usize) -> impl Iterator<Item = Duration> {
    std::iter::repeat_n(HALF, count)
}

/// clock-001
#[test]
fn a_new_clock_reads_zero_and_has_nothing_pending() {
    let clock = Clock::new();
    assert_eq!(clock.now(), Duration::ZERO);
    assert_eq!(clock.pending(), 0);
    assert!(clock.delayed_calls().is_empty());
}

/// clock-004, clock-018
#[test]
fn a_call_is_due_its_delay_from_now_and_runs_once() {
    let (clock, runs) = (Clock::new(), Runs::default());
    clock.advance(SECOND);
    let call = runs.later(&clock, 2, "call");
    assert_eq!(call.time(), Some(SECOND * 3));
    assert!(call.active());
    clock.advance(SECOND);
    assert!(runs.all().is_empty());
    clock.advance(SECOND);
    clock.advance(SECOND);
    assert_eq!(runs.all(), [("call", 6)]);
    assert!(!call.active());
    assert_eq!(clock.pending(), 0);
}

/// clock-002, clock-003
#[test]
fn every_call_has_a_handle_of_its_own_and_all_are_listed() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let (late, early) = (runs.later(&clock, 2, "late"), runs.later(&clock, 1, "early"));
    let listed: Vec<_> = clock.delayed_calls().iter().map(DelayedCall::time).collect();
    assert_eq!(listed, [Some(SECOND), Some(SECOND * 2)]);
    early.cancel().unwrap();
    assert!(late.active() && !early.active());
}

#[test]
fn no_call_runs_inside_call_later() {
    let (clock, runs) = (Clock::new(), Runs::default());
    runs.later(&clock, 0, "call");
    assert!(runs.all().is_empty());
    clock.advance(Duration::ZERO);
    assert_eq!(runs.all(), [("call", 0)]);
}

/// clock-005, clock-016, clock-018, clock-019
#[test]
fn a_call_cannot_cancel_itself_while_it_runs_and_is_not_active_then() {
    let clock = Clock::new();
    let handle = Rc::<RefCell<Option<DelayedCall>>>::default();
    let seen = Rc::<RefCell<Vec<Result<(), NotPending>>>>::default();
    let (mine, results) = (handle.clone(), seen.clone());
    let call = clock.call_later(
        SECOND,
        Box::new(move || {
            let me = mine.borrow().clone().unwrap();
            assert!(!me.active());
            let all = [me.cancel(), me.reset(SECOND), me.delay(SECOND)];
            results.borrow_mut().extend(all);
        }),
    );
    handle.replace(Some(call.clone()));
    clock.advance(SECOND);
    assert_eq!(*seen.borrow(), [Err(NotPending); 3]);
    assert_eq!(call.cancel(), Err(NotPending));
}

/// clock-002, clock-015, clock-017, clock-019
#[test]
fn a_cancelled_call_never_runs_and_its_closure_is_dropped_at_once() {
    let clock = Clock::new();
    let held = Rc::new(());
    let inside = held.clone();
    let call = clock.call_later(SECOND, Box::new(move || drop(inside)));
    assert_eq!(call.cancel(), Ok(()));
    assert_eq!(Rc::strong_count(&held), 1);
    clock.pump([SECOND, SECOND]);
    assert_eq!(call.cancel(), Err(NotPending));
    assert_eq!(call.reset(SECOND), Err(NotPending));
    assert_eq!(call.delay(SECOND), Err(NotPending));
}

/// clock-006, clock-007, clock-008
#[test]
fn a_call_can_be_delayed_and_reset_either_way() {
    let (clock, runs) = (Clock::new(), Runs::default());
    runs.later(&clock, 1, "delayed").delay(SECOND).unwrap();
    runs.later(&clock, 4, "sooner").reset(SECOND * 3).unwrap();
    let later = runs.later(&clock, 2, "later");
    clock.pump(halves(2));
    later.reset(SECOND * 3).unwrap();
    clock.pump(halves(8));
    assert_eq!(runs.all(), [("delayed", 4), ("sooner", 6), ("later", 8)]);
}

/// clock-010
#[test]
fn moved_calls_keep_the_others_in_order() {
    for first in ["a", "b"] {
        let (clock, runs) = (Clock::new(), Runs::default());
        if first == "b" {
            runs.later(&clock, 2, "b");
        }
        runs.later(&clock, 1, "a").reset(SECOND * 3).unwrap();
        if first == "a" {
            runs.later(&clock, 2, "b");
        }
        clock.pump(halves(8));
        assert_eq!(runs.all(), [("b", 4), ("a", 6)]);
    }
}

/// clock-011
#[test]
fn a_call_may_be_moved_from_inside_another() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let moved = runs.later(&clock, 2, "moved");
    clock.call_later(SECOND, Box::new(move || moved.reset(SECOND * 3).unwrap()));
    runs.later(&clock, 3, "third");
    clock.pump(halves(10));
    assert_eq!(runs.all(), [("third", 6), ("moved", 8)]);
}

/// clock-013
#[test]
fn calls_see_their_own_time_and_late_ones_the_time_at_which_they_run() {
    let (clock, runs) = (Clock::new(), Runs::default());
    runs.later(&clock, 1, "call");
    clock.advance(SECOND * 5);
    assert_eq!((runs.all(), clock.now()), (vec![("call", 2)], SECOND * 5));
    runs.later(&clock, 1, "late");
    clock.elapse(SECOND * 3);
    assert_eq!((runs.all().len(), clock.now()), (1, SECOND * 8), "nothing runs meanwhile");
    clock.advance(HALF);
    assert_eq!(runs.all()[1..], [("late", 16)]);
}

#[test]
fn a_timer_that_is_set_inside_an_advance_counts_from_the_call_that_set_it() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let set = Rc::<RefCell<Vec<DelayedCall>>>::default();
    let (inside, all, calls) = (clock.clone(), set.clone(), runs.clone());
    clock.call_later(
        HALF,
        Box::new(move || {
            let later = |delay, name| inside.call_later(delay, calls.call(&inside, name));
            let timers = [later(SECOND, "within"), later(SECOND * 2, "after")];
            all.borrow_mut().extend(timers);
        }),
    );
    clock.advance(SECOND * 2);
    let times: Vec<_> = set.borrow().iter().map(DelayedCall::time).collect();
    assert_eq!(times, [None, Some(HALF * 5)]);
    assert_eq!((runs.all(), clock.now()), (vec![("within", 3)], SECOND * 2));
    clock.advance(SECOND);
    assert_eq!(runs.all()[1..], [("after", 5)]);
}

/// clock-013: on a reactor each of them is a turn.
#[test]
fn a_call_that_makes_itself_again_for_no_delay_runs_once_in_each_advance() {
    fn again(clock: Clock, runs: Runs, left: u32) {
        runs.call(&clock, "again")();
        if left > 0 {
            let (next, runs) = (clock.clone(), runs.clone());
            clock.call_later(Duration::ZERO, Box::new(move || again(next, runs.clone(), left - 1)));
        }
    }
    let (clock, runs) = (Clock::new(), Runs::default());
    again(clock.clone(), runs.clone(), 4);
    for turn in 1..=4 {
        assert_eq!(runs.all().len(), turn);
        clock.advance(Duration::ZERO);
    }
    assert_eq!(runs.all(), [("again", 0); 5]);
    again(clock.clone(), runs.clone(), 1);
    clock.advance(SECOND);
    assert_eq!(runs.all()[5..], [("again", 0), ("again", 0)], "it was due before time passed");
}

#[test]
fn a_call_that_a_call_moves_to_now_waits_for_the_next_advance() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let moved = runs.later(&clock, 9, "moved");
    let handle = moved.clone();
    clock.call_later(SECOND, Box::new(move || handle.reset(Duration::ZERO).unwrap()));
    clock.advance(SECOND * 2);
    assert_eq!((runs.all(), moved.time()), (vec![], Some(SECOND)));
    clock.advance(Duration::ZERO);
    assert_eq!(runs.all(), [("moved", 4)]);
}

#[test]
fn an_advance_inside_a_call_is_one_of_its_own_and_time_does_not_go_back() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let (inner, calls) = (clock.clone(), runs.clone());
    clock.call_later(
        SECOND,
        Box::new(move || {
            inner.call_later(Duration::ZERO, calls.call(&inner, "no delay"));
            inner.advance(SECOND * 3);
        }),
    );
    runs.later(&clock, 2, "meanwhile");
    clock.advance(SECOND * 2);
    assert_eq!(runs.all(), [("no delay", 2), ("meanwhile", 4)]);
    assert_eq!(clock.now(), SECOND * 4);
}

/// clock-014
#[test]
fn calls_due_at_the_same_time_run_in_the_order_they_were_made() {
    let (clock, runs) = (Clock::new(), Runs::default());
    for name in ["a", "b", "c", "d"] {
        runs.later(&clock, 1, name);
    }
    clock.advance(SECOND);
    assert_eq!(runs.all(), [("a", 2), ("b", 2), ("c", 2), ("d", 2)]);
}

#[test]
fn a_delay_too_long_to_count_is_as_good_as_never() {
    let (clock, runs) = (Clock::new(), Runs::default());
    clock.advance(SECOND);
    let never = clock.call_later(Duration::MAX, runs.call(&clock, "never"));
    let moved = runs.later(&clock, 1, "moved");
    moved.delay(Duration::MAX).unwrap();
    moved.reset(Duration::MAX).unwrap();
    clock.advance(SECOND * 1_000_000);
    assert!(runs.all().is_empty());
    assert!(never.active() && moved.active());
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Duration::MAX, "time ends here, without a panic");
}

#[test]
fn a_panic_in_a_call_leaves_the_others_pending() {
    let (clock, runs) = (Clock::new(), Runs::default());
    clock.call_later(SECOND, Box::new(|| panic!("as planned")));
    runs.later(&clock, 1, "after");
    assert!(catch_unwind(AssertUnwindSafe(|| clock.advance(SECOND))).is_err());
    assert_eq!((clock.pending(), clock.now()), (1, SECOND));
    clock.advance(Duration::ZERO);
    assert_eq!(runs.all(), [("after", 2)]);
}

#[test]
fn a_handle_outlives_its_clock() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let call = clock.call_later(SECOND, Box::new(|| {}));
    let shown = format!("{call:?}");
    assert_eq!(shown, "DelayedCall(due at 1s)");
    drop((clock, runs));
    assert!(!call.active());
    assert_eq!(call.cancel(), Err(NotPending));
    assert_eq!(format!("{call:?}"), "DelayedCall(not pending)");
}

/// clock-009: what is asked of the interface knows no more of the clock than of a reactor; the
/// conformance suite asks both.
#[test]
fn it_is_a_clock_like_any_other() {
    fn asks(time: &dyn ReactorTime, asked: &Rc<RefCell<Vec<Duration>>>) -> DelayedCall {
        let (asked, now) = (asked.clone(), time.now());
        time.call_later(SECOND, Box::new(move || asked.borrow_mut().push(now)))
    }
    let (clock, asked) = (Clock::new(), Rc::default());
    let shared: Rc<dyn ReactorTime> = Rc::new(clock.clone());
    let calls = [asks(&clock, &asked), asks(&shared, &asked), asks(&*shared, &asked)];
    clock.advance(SECOND);
    assert_eq!(*asked.borrow(), [Duration::ZERO; 3]);
    assert!(!calls.iter().any(DelayedCall::active));
}

/// clock-012
#[test]
fn pump_is_one_advance_after_the_other() {
    let (clock, runs) = (Clock::new(), Runs::default());
    let (pumped, pumped_runs) = (Clock::new(), Runs::default());
    for seconds in [3, 1, 4, 2] {
        runs.later(&clock, seconds, "call");
        pumped_runs.later(&pumped, seconds, "call");
    }
    let steps = [HALF, SECOND, Duration::ZERO, SECOND * 2, SECOND];
    steps.iter().for_each(|step| clock.advance(*step));
    pumped.pump(steps);
    assert_eq!(pumped_runs.all(), [("call", 2), ("call", 4), ("call", 6), ("call", 8)]);
    assert_eq!(pumped_runs.all(), runs.all());
    assert_eq!(pumped.now(), clock.now());
}

/// clock-023
#[test]
fn reset_counts_from_what_the_clock_reads_then() {
    let (clock, runs) = (Clock::new(), Runs::default());
    clock.advance(SECOND * 4);
    let call = runs.later(&clock, 1, "call");
    clock.call_later(SECOND, Box::new(|| {})).cancel().unwrap();
    assert_eq!(call.time(), Some(SECOND * 5));
    call.delay(SECOND * 10).unwrap();
    clock.advance(SECOND * 6);
    call.reset(SECOND * 3).unwrap();
    assert_eq!(call.time(), Some(SECOND * 13), "it reads 10");
}

/// clock-021: it shows when it is due, as a handle does not know what time it is.
#[test]
fn a_call_shows_when_it_is_due_whatever_has_become_of_it() {
    let clock = Clock::new();
    let shown = Rc::<RefCell<Option<DelayedCall>>>::default();
    let inside = Rc::<RefCell<String>>::default();
    let (own, out) = (shown.clone(), inside.clone());
    let call = clock.call_later(
        SECOND,
        Box::new(move || *out.borrow_mut() = format!("{:?}", own.borrow().as_ref().unwrap())),
    );
    shown.replace(Some(call.clone()));
    assert_eq!(format!("{call:?}"), "DelayedCall(due at 1s)");
    call.delay(HALF).unwrap();
    assert_eq!(format!("{call:?}"), "DelayedCall(due at 1.5s)");
    call.reset(SECOND * 2).unwrap();
    assert_eq!(format!("{call:?}"), "DelayedCall(due at 2s)");
    clock.advance(SECOND * 2);
    assert_eq!(*inside.borrow(), "DelayedCall(not pending)", "while it runs");
    assert_eq!(format!("{call:?}"), "DelayedCall(not pending)");
    let cancelled = clock.call_later(SECOND, Box::new(|| {}));
    cancelled.cancel().unwrap();
    assert_eq!(format!("{cancelled:?}"), "DelayedCall(not pending)");
    assert_eq!(format!("{clock:?}"), "Clock { now: 2s, pending: 0 }");
}
