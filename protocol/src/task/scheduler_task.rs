//! [`Task`]: one iterator of a cooperator, and the promises that fire at its end.
//!
//! ```text
//!            its turn               a Deferred is to be waited for
//!   Queued ────────────▶ Stepping ─────────────────────────────────▶ Waiting
//!    ▲  │ pause()            │ the step is taken                         │ it has fired
//!    │  ▼                    ▼                                           │
//!    │ Parked ◀──────────── is it paused? ◀──────────────────────────────┘
//!    │  │ the last resume()  │ no
//!    └──┴────────────────────┘
//! ```
//!
//! Invariant: a task with an outcome has no steps and no waiting promises.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use deferred::{Deferred, Failure, Promise};

use super::TaskFinished;

/// The steps of a task, each a Deferred.
pub(super) type Steps = Box<dyn Iterator<Item = Deferred<()>>>;

pub(super) struct Task {
    pub(super) id: u64,
    /// Out while it takes a step.
    pub(super) steps: Cell<Option<Steps>>,
    pub(super) at: Cell<At>,
    /// How often it was paused and not resumed.
    pub(super) pauses: Cell<u64>,
    outcome: RefCell<Option<Outcome>>,
    observers: RefCell<Vec<Promise<()>>>,
}

/// Where a task is, as long as it has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// It waits for its turn.
    Queued,
    /// It takes a step.
    Stepping,
    /// It waits for a Deferred.
    Waiting,
    /// It is paused.
    Parked,
}

/// The outcome of a task.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Done,
    Failed(Failure),
    Stopped,
    SchedulerStopped,
}

impl Outcome {
    fn finished(&self) -> TaskFinished {
        match self {
            Outcome::Done => TaskFinished::TaskDone,
            Outcome::Failed(_) => TaskFinished::TaskFailed,
            Outcome::Stopped => TaskFinished::TaskStopped,
            Outcome::SchedulerStopped => TaskFinished::SchedulerStopped,
        }
    }

    fn into_result(self) -> Result<(), Failure> {
        match self {
            Outcome::Done => Ok(()),
            Outcome::Failed(failure) => Err(failure),
            Outcome::Stopped | Outcome::SchedulerStopped => Err(self.finished().into()),
        }
    }
}

impl Task {
    pub(super) fn new(id: u64, steps: Steps) -> Self {
        Self {
            id,
            steps: Cell::new(Some(steps)),
            at: Cell::new(At::Parked),
            pauses: Cell::new(0),
            outcome: RefCell::default(),
            observers: RefCell::default(),
        }
    }

    /// How it was finished, if it was.
    pub(super) fn finished(&self) -> Option<TaskFinished> {
        self.outcome.borrow().as_ref().map(Outcome::finished)
    }

    pub(super) fn when_done(&self) -> Deferred<()> {
        let (deferred, promise) = Deferred::new();
        let outcome = self.outcome.borrow().clone();
        match outcome {
            Some(outcome) => promise.fire(outcome.into_result()),
            None => self.observers.borrow_mut().push(promise),
        }
        deferred
    }

    /// Ends the task: drops the steps, and fires the waiting promises.
    pub(super) fn complete(&self, outcome: Outcome) {
        self.outcome.replace(Some(outcome.clone()));
        drop(self.steps.take());
        for promise in self.observers.take() {
            promise.fire(outcome.clone().into_result());
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.finished() {
            Some(finished) => write!(f, "CooperativeTask({finished:?})"),
            None => write!(f, "CooperativeTask({:?}, {} pauses)", self.at.get(), self.pauses.get()),
        }
    }
}
