//! [`Scheduler`]: the queue of a cooperator's tasks, their turns, and their ends.
//!
//! Invariant: between turns, one call is on the clock if the scheduler is started and a task is
//! queued, and none otherwise. A task is known to it as long as it is not finished, wherever it is.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::mem;
use core::time::Duration;

use deferred::{Cancelled, Deferred};
use interfaces::{DelayedCall, ReactorTime};

use super::scheduler_task::{At, Outcome, Steps, Task};
use super::termination::Termination;
use super::{NotPaused, TaskFinished};
use crate::on_drop::OnDrop;

/// How long the next turn waits: until the next turn of the reactor, or the next `advance` of a test's
/// clock. Twisted's `_EPSILON`, which is 10 ns as its clock would make all turns at once.
const TURN_DELAY: Duration = Duration::ZERO;

pub(super) struct Scheduler {
    clock: Rc<dyn ReactorTime>,
    termination: RefCell<Termination>,
    stage: Cell<SchedulerStage>,
    /// The call for the next turn.
    turn: Cell<Option<DelayedCall>>,
    /// A turn is under way; its end schedules the next one.
    in_turn: Cell<bool>,
    queue: RefCell<VecDeque<Rc<Task>>>,
    unfinished: RefCell<BTreeMap<u64, Rc<Task>>>,
    next_id: Cell<u64>,
}

/// Whether tasks are taken, and whether they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchedulerStage {
    /// Tasks are taken, and wait for the start.
    Unstarted,
    Started,
    /// No task is taken.
    Stopped,
}

impl Scheduler {
    pub(super) fn new(clock: Rc<dyn ReactorTime>, stage: SchedulerStage) -> Self {
        Self {
            clock,
            termination: RefCell::new(Termination::Budget),
            stage: Cell::new(stage),
            turn: Cell::default(),
            in_turn: Cell::new(false),
            queue: RefCell::default(),
            unfinished: RefCell::default(),
            next_id: Cell::default(),
        }
    }

    pub(super) fn terminate_by(&self, termination: Termination) {
        drop(self.termination.replace(termination));
    }

    pub(super) fn stage(&self) -> SchedulerStage {
        self.stage.get()
    }

    pub(super) fn unfinished(&self) -> usize {
        self.unfinished.borrow().len()
    }

    pub(super) fn start(self: &Rc<Self>) {
        self.stage.set(SchedulerStage::Started);
        self.schedule();
    }

    pub(super) fn stop(&self) {
        self.stage.set(SchedulerStage::Stopped);
        let (queue, unfinished) = (self.queue.take(), self.unfinished.take());
        self.cancel_turn();
        for task in unfinished.into_values() {
            self.finish(&task, Outcome::SchedulerStopped);
        }
        drop(queue);
    }

    pub(super) fn add(self: &Rc<Self>, steps: Steps) -> Rc<Task> {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let task = Rc::new(Task::new(id, steps));
        match self.stage.get() {
            SchedulerStage::Stopped => task.complete(Outcome::SchedulerStopped),
            SchedulerStage::Unstarted | SchedulerStage::Started => {
                self.unfinished.borrow_mut().insert(id, task.clone());
                self.ready(&task);
            }
        }
        task
    }

    pub(super) fn pause(&self, task: &Rc<Task>) -> Result<(), TaskFinished> {
        if let Some(finished) = task.finished() {
            return Err(finished);
        }
        task.pauses.set(task.pauses.get() + 1);
        self.unqueue(task);
        Ok(())
    }

    pub(super) fn resume(self: &Rc<Self>, task: &Rc<Task>) -> Result<(), NotPaused> {
        let pauses = task.pauses.get().checked_sub(1).ok_or(NotPaused)?;
        task.pauses.set(pauses);
        match task.at.get() {
            At::Parked => self.ready(task),
            // It goes on by itself after the step or the wait.
            At::Queued | At::Stepping | At::Waiting => {}
        }
        Ok(())
    }

    pub(super) fn stop_task(&self, task: &Rc<Task>) -> Result<(), TaskFinished> {
        if let Some(finished) = task.finished() {
            return Err(finished);
        }
        self.finish(task, Outcome::Stopped);
        Ok(())
    }

    /// Queues a task for its next step, unless it is paused.
    fn ready(self: &Rc<Self>, task: &Rc<Task>) {
        task.at.set(At::Parked);
        if task.pauses.get() == 0 && task.finished().is_none() {
            task.at.set(At::Queued);
            self.queue.borrow_mut().push_back(task.clone());
            self.schedule();
        }
    }

    /// Takes a task out of the queue. An empty queue needs no turn.
    fn unqueue(&self, task: &Rc<Task>) {
        if task.at.get() != At::Queued {
            return;
        }
        task.at.set(At::Parked);
        self.queue.borrow_mut().retain(|queued| !Rc::ptr_eq(queued, task));
        if self.queue.borrow().is_empty() {
            self.cancel_turn();
        }
    }

    /// Completes a task; a finished one stays as it is.
    fn finish(&self, task: &Rc<Task>, outcome: Outcome) {
        if task.finished().is_some() {
            return;
        }
        self.unqueue(task);
        self.unfinished.borrow_mut().remove(&task.id);
        task.complete(outcome);
    }

    fn cancel_turn(&self) {
        if let Some(turn) = self.turn.take() {
            // A clock that is gone has dropped the call.
            let _ = turn.cancel();
        }
    }

    fn schedule(self: &Rc<Self>) {
        let wanted = self.stage.get() == SchedulerStage::Started && !self.queue.borrow().is_empty();
        if !wanted || self.in_turn.get() {
            return;
        }
        let turn = self.turn.take().filter(DelayedCall::active).unwrap_or_else(|| {
            let scheduler = self.clone();
            self.clock.call_later(TURN_DELAY, Box::new(move || scheduler.take_turn()))
        });
        self.turn.set(Some(turn));
    }

    fn take_turn(self: Rc<Self>) {
        self.in_turn.set(true);
        // Also when a step panics.
        let _over = OnDrop(|| {
            self.in_turn.set(false);
            self.schedule();
        });
        let termination = self.termination.borrow().clone();
        let mut turn = termination.begin(&self.clock);
        while let Some(task) = self.next() {
            self.step(&task);
            if turn.is_over(&self.clock) {
                break;
            }
        }
    }

    fn next(&self) -> Option<Rc<Task>> {
        let task = self.queue.borrow_mut().pop_front()?;
        task.at.set(At::Stepping);
        Some(task)
    }

    fn step(self: &Rc<Self>, task: &Rc<Task>) {
        let Some(mut steps) = task.steps.take() else { return };
        let panicked = OnDrop(|| self.finish(task, Outcome::Failed(Cancelled.into())));
        let step = steps.next();
        mem::forget(panicked);
        if task.finished().is_some() {
            return;
        }
        task.steps.set(Some(steps));
        match step.map(Deferred::try_into_result) {
            None => self.finish(task, Outcome::Done),
            Some(Ok(Ok(()))) => self.ready(task),
            Some(Ok(Err(failure))) => self.finish(task, Outcome::Failed(failure)),
            Some(Err(pending)) => self.wait(task, pending),
        }
    }

    fn wait(self: &Rc<Self>, task: &Rc<Task>, pending: Deferred<()>) {
        task.at.set(At::Waiting);
        let (scheduler, task) = (self.clone(), task.clone());
        pending.add_both(move |outcome| {
            match outcome {
                Ok(()) => scheduler.ready(&task),
                Err(failure) => scheduler.finish(&task, Outcome::Failed(failure)),
            }
            Ok(())
        });
    }
}
