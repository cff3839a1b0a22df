//! Claims about one task of a cooperator: it is paused, resumed, stopped, and waited for.

use crate::support::reports;
use crate::support::work::{Work, finished, result_of};
use deferred::{Failure, Promise};
use interfaces::NotPending;
use ropewalk_protocol::task::{NotPaused, TaskFinished};

/// coop-013
#[test]
fn two_pauses_need_two_resumes() {
    let work = Work::new();
    let task = work.task();
    task.pause().unwrap();
    task.pause().unwrap();
    work.turn();
    task.resume().unwrap();
    work.turn();
    assert_eq!(work.done(), []);
    task.resume().unwrap();
    work.turn();
    assert_eq!(work.done(), [1]);
    assert_eq!(task.resume(), Err(NotPaused));
    task.stop().unwrap();
}

/// coop-014
#[test]
fn paused_while_it_waits_it_needs_both_the_result_and_the_resume() {
    for result_first in [false, true] {
        let work = Work::new();
        let promise = work.wait_in_next_step();
        let task = work.task();
        work.turn();
        task.pause().unwrap();
        let mut promise = Some(promise);
        let fire = |promise: &mut Option<Promise<()>>| {
            promise.take().map(|promise| promise.callback(())).unwrap();
        };
        if result_first {
            fire(&mut promise);
        } else {
            task.resume().unwrap();
        }
        work.turn();
        assert_eq!((work.done(), work.clock.pending()), (vec![1], 0));
        if result_first {
            task.resume().unwrap();
        } else {
            fire(&mut promise);
        }
        work.turn();
        assert_eq!(work.done(), [1, 2]);
        task.stop().unwrap();
    }
}

/// coop-015
#[test]
fn each_when_done_is_a_deferred_of_its_own() {
    let work = Work::new();
    let task = work.cooperator.cooperate([Ok(())]);
    let one = task.when_done().add_callback(|()| Ok("changed"));
    let other = task.when_done();
    work.turn();
    assert!(!other.is_fired());
    work.turn();
    assert_eq!(one.try_into_result().unwrap().unwrap(), "changed");
    assert!(result_of(other).is_ok());
}

/// coop-016
#[test]
fn every_when_done_gets_the_error() {
    let work = Work::new();
    let failure = Failure::new(NotPending);
    let task = work.cooperator.cooperate([Err::<(), _>(failure.clone())]);
    let all = [task.when_done(), task.when_done()];
    work.turn();
    for done in all {
        let error = result_of(done).unwrap_err();
        assert!(std::ptr::addr_eq(error.as_error(), failure.as_error()));
    }
}

/// coop-017
#[test]
fn stopping_a_task_fails_its_when_done_at_once() {
    let work = Work::new();
    let task = work.task();
    let done = task.when_done();
    task.stop().unwrap();
    assert_eq!(finished(done), TaskFinished::TaskStopped);
}

/// coop-018
#[test]
fn when_done_of_a_finished_task_has_fired() {
    let work = Work::new();
    let done = work.cooperator.cooperate([Ok(())]);
    let failed = work.cooperator.cooperate([Err::<(), _>(Failure::new(NotPending))]);
    let stopped = work.task();
    stopped.stop().unwrap();
    (0..3).for_each(|_| work.turn());
    assert!(result_of(done.when_done()).is_ok());
    assert!(result_of(failed.when_done()).unwrap_err().check::<NotPending>());
    assert_eq!(finished(stopped.when_done()), TaskFinished::TaskStopped);
}

/// coop-019
#[test]
fn a_stopped_task_takes_no_step_and_can_be_neither_stopped_nor_paused() {
    let work = Work::new();
    let task = work.task();
    work.turn();
    task.stop().unwrap();
    work.turn();
    assert_eq!(work.done(), [1]);
    assert_eq!(task.stop(), Err(TaskFinished::TaskStopped));
    assert_eq!(task.pause(), Err(TaskFinished::TaskStopped));
}

/// coop-020
#[test]
fn a_task_that_was_stopped_while_paused_can_be_resumed_and_does_nothing() {
    let work = Work::new();
    let task = work.task();
    task.pause().unwrap();
    task.stop().unwrap();
    assert_eq!(task.resume(), Ok(()));
    work.turn();
    assert_eq!((work.done(), work.clock.pending()), (vec![], 0));
}

/// coop-021
#[test]
fn what_a_stopped_task_waited_for_is_dropped_when_it_comes_be_it_an_error() {
    for fails in [false, true] {
        let work = Work::new();
        let promise = work.wait_in_next_step();
        let task = work.task();
        work.turn();
        let done = task.when_done();
        task.stop().unwrap();
        let told = reports(|| {
            match fails {
                false => promise.callback(()),
                true => promise.errback(NotPending),
            }
            work.turn();
        });
        assert!(told.is_empty(), "{told:?}");
        assert_eq!((work.done(), work.clock.pending()), (vec![1], 0));
        assert_eq!(finished(done), TaskFinished::TaskStopped);
    }
}

/// coop-022
#[test]
fn stopping_a_finished_task_says_how_it_was_finished() {
    let work = Work::new();
    let done = work.cooperator.cooperate([Ok(())]);
    let failed = work.cooperator.cooperate([Err::<(), _>(Failure::new(NotPending))]);
    let errors = failed.when_done();
    (0..3).for_each(|_| work.turn());
    assert_eq!(done.stop(), Err(TaskFinished::TaskDone));
    assert_eq!(failed.stop(), Err(TaskFinished::TaskFailed));
    assert!(result_of(errors).is_err());
    work.cooperator.stop();
    assert_eq!(work.task().stop(), Err(TaskFinished::SchedulerStopped));
}
