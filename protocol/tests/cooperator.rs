//! Claims about work that is done a step at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure, Promise};
use interfaces::{NotPending, NotRunning, ReactorTime};
use ropewalk_protocol::task::{CooperativeTask, Cooperator, NotPaused, TaskFinished};
use ropewalk_protocol::testing::Clock;

const TURN: Duration = Duration::from_millis(1);

/// A clock, a cooperator that takes one step a turn, and what its tasks have done.
struct Work {
    clock: Clock,
    cooperator: Cooperator,
    done: Rc<RefCell<Vec<u32>>>,
    /// What the next step waits for.
    waits: Rc<RefCell<Option<Deferred<()>>>>,
}

impl Work {
    fn new() -> Self {
        let clock = Clock::new();
        let cooperator = Cooperator::new(Rc::new(clock.clone())).with_termination(|| || true);
        Self { clock, cooperator, done: Rc::default(), waits: Rc::default() }
    }

    /// The numbers of the steps from `first` on, each noted as it is taken.
    fn steps(&self, first: u32) -> impl Iterator<Item = Deferred<()>> + use<> {
        let (done, waits) = (self.done.clone(), self.waits.clone());
        (first..).map(move |step| {
            done.borrow_mut().push(step);
            let wait = waits.take();
            wait.unwrap_or_else(|| Deferred::succeed(()))
        })
    }

    fn task(&self) -> CooperativeTask {
        self.cooperator.cooperate(self.steps(1))
    }

    fn wait_in_next_step(&self) -> Promise<()> {
        let (deferred, promise) = Deferred::new();
        self.waits.replace(Some(deferred));
        promise
    }

    fn turn(&self) {
        self.clock.advance(TURN);
    }

    fn done(&self) -> Vec<u32> {
        self.done.borrow().clone()
    }
}

fn result_of(deferred: Deferred<()>) -> Result<(), Failure> {
    deferred.try_into_result().expect("it has fired")
}

/// How a task was finished, as its `when_done` says.
fn finished(deferred: Deferred<()>) -> TaskFinished {
    let failure = result_of(deferred).expect_err("it was not done");
    *failure.downcast_ref().expect("it says how it was finished")
}

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
    thread_local! {
        static TOLD: Cell<usize> = const { Cell::new(0) };
    }
    deferred::set_unhandled_hook(|_| TOLD.set(TOLD.get() + 1));
    for fails in [false, true] {
        let work = Work::new();
        let promise = work.wait_in_next_step();
        let task = work.task();
        work.turn();
        let done = task.when_done();
        task.stop().unwrap();
        match fails {
            false => promise.callback(()),
            true => promise.errback(NotPending),
        }
        work.turn();
        assert_eq!((work.done(), work.clock.pending()), (vec![1], 0));
        assert_eq!(finished(done), TaskFinished::TaskStopped);
    }
    assert_eq!(TOLD.get(), 0, "nothing is left unhandled");
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
