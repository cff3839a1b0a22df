//! Claims about who takes a step when, and how work that is done a step at a time ends.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::support::work::{TURN, Work, finished, result_of};
use deferred::{Deferred, Failure};
use interfaces::{NotPending, NotRunning, ReactorTime};
use ropewalk_protocol::task::{Cooperator, TaskFinished};
use ropewalk_protocol::testing::Clock;

/// coop-001: for a completion of one's own there is `chain_deferred`.
#[test]
fn a_stopped_cooperator_takes_no_task() {
    let work = Work::new();
    work.cooperator.stop();
    let done = work.cooperator.coiterate(work.steps(1));
    assert_eq!(finished(done), TaskFinished::SchedulerStopped);
    let (own, promise) = Deferred::new();
    work.cooperator.coiterate(work.steps(1)).chain_deferred(promise);
    assert_eq!(finished(own), TaskFinished::SchedulerStopped);
    work.turn();
    assert_eq!((work.done(), work.clock.pending()), (vec![], 0));
}

/// coop-002
#[test]
fn stopped_before_its_first_turn_it_takes_no_step() {
    let work = Work::new();
    let done = work.cooperator.coiterate(work.steps(1));
    work.cooperator.stop();
    assert_eq!(finished(done), TaskFinished::SchedulerStopped);
    work.turn();
    assert_eq!((work.done(), work.clock.pending()), (vec![], 0));
}

/// coop-003: here the task is told at once, in Twisted when what it waits for has fired.
#[test]
fn stopped_while_a_task_waits_it_tells_that_at_once_and_never_goes_on() {
    let work = Work::new();
    let promise = work.wait_in_next_step();
    let done = work.task().when_done();
    work.turn();
    work.cooperator.stop();
    assert_eq!(finished(done), TaskFinished::SchedulerStopped);
    promise.callback(());
    work.turn();
    assert_eq!((work.done(), work.clock.pending()), (vec![1], 0));
}

/// coop-004
#[test]
fn an_error_of_a_step_ends_the_task_now_or_later() {
    let work = Work::new();
    let now = work.cooperator.coiterate([Err::<(), _>(Failure::new(NotPending)), Ok(())]);
    work.turn();
    assert!(result_of(now).unwrap_err().check::<NotPending>());

    let fired = work.cooperator.coiterate([Deferred::<()>::fail(NotRunning)]);
    work.turn();
    assert!(result_of(fired).unwrap_err().check::<NotRunning>());

    let promise = work.wait_in_next_step();
    let later = work.task().when_done();
    work.turn();
    assert!(!later.is_fired());
    promise.errback(NotPending);
    assert!(result_of(later).unwrap_err().check::<NotPending>());
    work.turn();
    assert_eq!((work.done(), work.clock.pending()), (vec![1], 0));
}

/// coop-006
#[test]
fn a_predicate_is_made_for_each_turn_and_asked_after_each_step() {
    let (clock, made) = (Clock::new(), Rc::new(Cell::new(0)));
    let count = made.clone();
    let cooperator = Cooperator::new(Rc::new(clock.clone())).with_termination(move || {
        count.set(count.get() + 1);
        let mut steps = 0;
        move || {
            steps += 1;
            steps == 10
        }
    });
    let taken = Rc::new(Cell::new(0));
    let take = taken.clone();
    let task = cooperator.cooperate(std::iter::repeat_with(move || {
        take.set(take.get() + 1);
        Ok(())
    }));
    for turns in 1..=3 {
        clock.advance(TURN);
        assert_eq!((taken.get(), made.get()), (10 * turns, turns));
    }
    task.stop().unwrap();
}

#[test]
fn by_default_a_turn_is_over_after_ten_milliseconds_of_its_clock() {
    let clock = Clock::new();
    let cooperator = Cooperator::new(Rc::new(clock.clone()));
    let taken = Rc::new(Cell::new(0));
    let (take, time) = (taken.clone(), clock.clone());
    let task = cooperator.cooperate(std::iter::repeat_with(move || {
        take.set(take.get() + 1);
        // Nothing is due meanwhile: the next turn is asked for when this one is over.
        time.advance(Duration::from_millis(5));
        Ok(())
    }));
    clock.advance(TURN);
    assert_eq!(taken.get(), 2);
    task.stop().unwrap();
}

#[test]
fn on_a_clock_that_stands_still_a_turn_is_over_after_ten_thousand_steps() {
    let clock = Clock::new();
    let cooperator = Cooperator::new(Rc::new(clock.clone()));
    let taken = Rc::new(Cell::new(0));
    let take = taken.clone();
    let task = cooperator.cooperate(std::iter::repeat_with(move || {
        take.set(take.get() + 1);
        Ok(())
    }));
    clock.advance(TURN);
    assert_eq!(taken.get(), 10_000);
    clock.advance(TURN);
    assert_eq!(taken.get(), 20_000);
    task.stop().unwrap();
}

/// coop-007
#[test]
fn a_task_that_is_added_by_the_end_of_another_runs_and_one_turn_is_asked_for_at_a_time() {
    let work = Work::new();
    let (again, clock) = (work.cooperator.clone(), work.clock.clone());
    let steps = work.steps(7).take(2);
    let done = work.cooperator.coiterate([Ok(())]).add_callback(move |()| {
        let done = again.coiterate(steps);
        assert!(clock.pending() <= 1);
        done
    });
    for _ in 0..5 {
        assert_eq!(work.clock.pending(), 1);
        work.turn();
    }
    assert_eq!((work.done(), work.clock.pending()), (vec![7, 8], 0));
    assert!(result_of(done).is_ok());
}

/// coop-008
#[test]
fn the_turn_that_nobody_waits_for_is_taken_off_the_clock() {
    let work = Work::new();
    let (one, other) = (work.task(), work.task());
    assert_eq!(work.clock.pending(), 1);
    one.stop().unwrap();
    assert_eq!(work.clock.pending(), 1);
    other.stop().unwrap();
    assert_eq!(work.clock.pending(), 0);
    let third = work.task();
    assert_eq!(work.clock.pending(), 1);
    third.pause().unwrap();
    assert_eq!(work.clock.pending(), 0);
    third.resume().unwrap();
    assert_eq!(work.clock.pending(), 1);
    third.stop().unwrap();
}

/// coop-009
#[test]
fn running_is_whether_it_was_started_and_not_stopped() {
    let clock: Rc<dyn ReactorTime> = Rc::new(Clock::new());
    assert!(Cooperator::new(clock.clone()).running());
    let cooperator = Cooperator::unstarted(clock);
    assert!(!cooperator.running());
    cooperator.start();
    assert!(cooperator.running());
    cooperator.stop();
    assert!(!cooperator.running());
    cooperator.start();
    assert!(cooperator.running());
}

#[test]
fn tasks_of_one_that_is_not_started_wait_for_that() {
    let clock = Clock::new();
    let cooperator = Cooperator::unstarted(Rc::new(clock.clone()));
    let done = cooperator.coiterate([Ok(())]);
    clock.advance(TURN);
    assert_eq!((done.is_fired(), clock.pending()), (false, 0));
    cooperator.start();
    clock.advance(TURN);
    assert!(result_of(done).is_ok());
}

/// coop-010: the cooperator of a program is one that it makes, and hands out clones of.
#[test]
fn whoever_has_a_clone_runs_an_iterator_on_the_same_cooperator() {
    let work = Work::new();
    let shared = work.cooperator.clone();
    let one = shared.coiterate(work.steps(1).take(2));
    let other = work.cooperator.coiterate(work.steps(11).take(2));
    assert_eq!(work.clock.pending(), 1, "they share their turns");
    (0..6).for_each(|_| work.turn());
    assert_eq!(work.done(), [1, 11, 2, 12], "by turns");
    assert!(result_of(one).is_ok() && result_of(other).is_ok());
}

/// coop-023
#[test]
fn the_end_of_a_task_may_stop_the_cooperator() {
    let work = Work::new();
    let (cooperator, ends) = (work.cooperator.clone(), Rc::new(Cell::new(0)));
    let end = ends.clone();
    let done = work.cooperator.coiterate([Ok(())]).add_callback(move |()| {
        end.set(end.get() + 1);
        cooperator.stop();
        Ok(())
    });
    let other = work.cooperator.coiterate(work.steps(1));
    (0..3).for_each(|_| work.turn());
    assert_eq!(ends.get(), 1);
    assert!(result_of(done).is_ok());
    assert_eq!(finished(other), TaskFinished::SchedulerStopped);
    assert_eq!(work.clock.pending(), 0);
}
