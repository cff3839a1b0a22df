//! Claims about tasks whose steps, ends and drops do things to their cooperator.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use ropewalk_protocol::task::{CooperativeTask, Cooperator, TaskFinished};
use ropewalk_protocol::testing::Clock;

const TURN: Duration = Duration::from_millis(1);

type Handle = Rc<RefCell<Option<CooperativeTask>>>;

fn cooperator() -> (Clock, Cooperator) {
    let clock = Clock::new();
    let cooperator = Cooperator::new(Rc::new(clock.clone()));
    (clock, cooperator)
}

/// A task whose steps are given the task itself; they end when one says so.
fn knowing_itself(
    cooperator: &Cooperator,
    mut step: impl FnMut(&CooperativeTask) -> Option<Result<(), Failure>> + 'static,
) -> (CooperativeTask, Handle) {
    let handle = Handle::default();
    let own = handle.clone();
    let task = cooperator.cooperate(std::iter::from_fn(move || {
        let task = own.borrow().clone()?;
        step(&task)
    }));
    handle.replace(Some(task.clone()));
    (task, handle)
}

fn finished(deferred: Deferred<()>) -> Option<TaskFinished> {
    let failure = deferred.try_into_result().expect("it has fired").err()?;
    failure.downcast_ref().copied()
}

#[test]
fn a_step_may_stop_its_own_task_and_is_the_last_one() {
    let (clock, cooperator) = cooperator();
    let held = Rc::new(());
    let inside = held.clone();
    let (task, handle) = knowing_itself(&cooperator, move |task| {
        let _held = &inside;
        task.stop().unwrap();
        Some(Ok(()))
    });
    let done = task.when_done();
    clock.advance(TURN);
    assert_eq!(Rc::strong_count(&held), 1, "its iterator is gone, though the task is held");
    assert_eq!(finished(done), Some(TaskFinished::TaskStopped));
    assert_eq!(clock.pending(), 0);
    handle.take();
}

#[test]
fn a_step_may_stop_its_own_task_and_be_the_end_of_the_iterator() {
    let (clock, cooperator) = cooperator();
    let (task, handle) = knowing_itself(&cooperator, |task| {
        task.stop().unwrap();
        None
    });
    let done = task.when_done();
    clock.advance(TURN);
    assert_eq!(finished(done), Some(TaskFinished::TaskStopped));
    assert_eq!(task.stop(), Err(TaskFinished::TaskStopped));
    handle.take();
}

#[test]
fn a_step_may_pause_its_own_task_and_resume_it() {
    let (clock, cooperator) = cooperator();
    let steps = Rc::new(Cell::new(0));
    let count = steps.clone();
    let (task, handle) = knowing_itself(&cooperator, move |task| {
        count.set(count.get() + 1);
        task.pause().unwrap();
        if count.get() < 3 {
            task.resume().unwrap();
        }
        Some(Ok(()))
    });
    clock.advance(TURN);
    assert_eq!((steps.get(), clock.pending()), (3, 0));
    task.stop().unwrap();
    handle.take();
}

#[test]
fn a_step_may_stop_the_cooperator_and_start_it_again() {
    let (clock, cooperator) = cooperator();
    let again = cooperator.clone();
    let stops = cooperator.coiterate(std::iter::from_fn(move || {
        again.stop();
        again.start();
        again.cooperate([Ok(())]);
        Some(Ok(()))
    }));
    let other = cooperator.coiterate(std::iter::repeat_with(|| Ok(())));
    clock.advance(TURN);
    assert_eq!(finished(stops), Some(TaskFinished::SchedulerStopped));
    assert_eq!(finished(other), Some(TaskFinished::SchedulerStopped));
    assert!(cooperator.running() && clock.pending() == 0);
}

#[test]
fn a_panic_fails_its_task_and_the_others_go_on() {
    let (clock, cooperator) = cooperator();
    let panics = cooperator
        .cooperate(std::iter::from_fn(|| -> Option<Result<(), Failure>> { panic!("as planned") }));
    let panicked = panics.when_done();
    let other = cooperator.coiterate([Ok(()), Ok(())]);
    assert!(catch_unwind(AssertUnwindSafe(|| clock.advance(TURN))).is_err());
    assert!(panicked.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    assert_eq!(panics.stop(), Err(TaskFinished::TaskFailed));
    assert_eq!(clock.pending(), 1);
    clock.advance(TURN);
    assert!(other.try_into_result().unwrap().is_ok());
    assert_eq!(clock.pending(), 0);
}

#[test]
fn the_iterator_is_dropped_when_its_task_is_finished_however_that_was() {
    let ends: [fn(&Clock, &Cooperator, &CooperativeTask); 4] = [
        |clock, _, _| clock.advance(TURN),
        |_, _, task| task.stop().unwrap(),
        |_, cooperator, _| cooperator.stop(),
        |_, cooperator, task| {
            task.pause().unwrap();
            cooperator.stop();
        },
    ];
    for end in ends {
        let (clock, cooperator) = cooperator();
        let held = Rc::new(());
        let inside = held.clone();
        let task = cooperator.cooperate((0..3).map(move |_| {
            let _held = &inside;
            Ok(())
        }));
        end(&clock, &cooperator, &task);
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(task.when_done().add_errback(|_| Ok(())).is_fired());
    }
}

#[test]
fn without_its_handles_a_task_goes_on_also_after_it_has_waited() {
    let (clock, cooperator) = cooperator();
    let (wait, promise) = Deferred::<()>::new();
    let steps = [wait, Deferred::succeed(()), Deferred::succeed(())];
    let done = cooperator.coiterate(steps);
    drop(cooperator);
    clock.advance(TURN);
    assert_eq!((done.is_fired(), clock.pending()), (false, 0));
    promise.callback(());
    clock.advance(TURN);
    assert!(done.try_into_result().unwrap().is_ok());
}

#[test]
fn a_cooperator_that_is_let_go_of_cancels_what_it_has_not_started() {
    let (clock, _) = cooperator();
    let cooperator = Cooperator::unstarted(Rc::new(clock));
    let done = cooperator.coiterate([Ok(())]);
    drop(cooperator);
    assert!(done.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn after_its_clock_has_let_go_of_a_turn_the_next_task_brings_another() {
    let (clock, cooperator) = cooperator();
    let first = cooperator.coiterate([Ok(())]);
    clock.delayed_calls()[0].cancel().unwrap();
    let second = cooperator.coiterate([Ok(())]);
    clock.advance(TURN);
    assert!(first.try_into_result().unwrap().is_ok() && second.is_fired());
}

#[test]
fn ten_thousand_tasks_take_their_steps_by_turns() {
    let (clock, cooperator) = cooperator();
    let order = Rc::<RefCell<Vec<usize>>>::default();
    for task in 0..10_000 {
        let order = order.clone();
        cooperator.cooperate((0..2).map(move |_| {
            order.borrow_mut().push(task);
            Ok(())
        }));
    }
    (0..4).for_each(|_| clock.advance(TURN));
    let expected: Vec<usize> = (0..10_000).chain(0..10_000).collect();
    assert_eq!(*order.borrow(), expected);
    assert_eq!(clock.pending(), 0);
}

#[test]
fn it_shows_what_it_is_at() {
    let (clock, cooperator) = cooperator();
    let (wait, promise) = Deferred::<()>::new();
    let task = cooperator.cooperate([wait]);
    assert_eq!(format!("{cooperator:?}"), "Cooperator { stage: Started, unfinished: 1, .. }");
    assert_eq!(format!("{task:?}"), "CooperativeTask(Queued, 0 pauses)");
    clock.advance(TURN);
    task.pause().unwrap();
    assert_eq!(format!("{task:?}"), "CooperativeTask(Waiting, 1 pauses)");
    promise.callback(());
    assert_eq!(format!("{task:?}"), "CooperativeTask(Parked, 1 pauses)");
    task.resume().unwrap();
    clock.advance(TURN);
    assert_eq!(format!("{task:?}"), "CooperativeTask(TaskDone)");
}

#[test]
fn when_the_clock_and_the_last_handle_let_go_of_it_its_tasks_are_cancelled() {
    let (clock, cooperator) = cooperator();
    let done = cooperator.coiterate([Ok(())]);
    drop(cooperator);
    assert!(!done.is_fired());
    clock.delayed_calls()[0].cancel().unwrap();
    assert!(done.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}
