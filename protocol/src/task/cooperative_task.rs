//! [`CooperativeTask`]: work that is done a step at a time; Twisted's `task.CooperativeTask`.
//!
//! Invariant: it is a handle without state of its own; [`Scheduler`] runs the task.

use alloc::rc::Rc;
use core::fmt;

use deferred::Deferred;

use super::scheduler::Scheduler;
use super::scheduler_task::Task;
use super::{NotPaused, TaskFinished};

/// Work that a [`Cooperator`](super::Cooperator) does a step at a time. Twisted's
/// `CooperativeTask`.
///
/// It is a handle, and a clone is the same task. Dropping it stops nothing.
///
/// # Differences from Twisted
///
/// - [`when_done`](Self::when_done) fires with `()`, not with the iterator.
/// - Waiting for a Deferred is no pause, so a [`resume`](Self::resume) too many does not undo it.
/// - A step that panics fails the task, with [`Cancelled`](deferred::Cancelled) as the error; the
///   panic goes on to the clock, and the other tasks go on.
#[derive(Clone)]
pub struct CooperativeTask {
    scheduler: Rc<Scheduler>,
    task: Rc<Task>,
}

impl CooperativeTask {
    pub(super) fn new(scheduler: Rc<Scheduler>, task: Rc<Task>) -> Self {
        Self { scheduler, task }
    }

    /// Fires when the task is finished. Each call gives a Deferred of its own, and one that has fired
    /// already when the task is finished.
    ///
    /// Cancelling it stops nothing: others may be waiting, too.
    ///
    /// # Errors
    ///
    /// The Deferred fails with the error of the step that failed, or with [`TaskFinished`] when the
    /// task or its cooperator was stopped.
    #[doc(alias = "whenDone")]
    pub fn when_done(&self) -> Deferred<()> {
        self.task.when_done()
    }

    /// No more steps until it is resumed as often as it was paused. A step that is being taken is
    /// taken to its end.
    ///
    /// # Errors
    ///
    /// [`TaskFinished`].
    pub fn pause(&self) -> Result<(), TaskFinished> {
        self.scheduler.pause(&self.task)
    }

    /// Undoes one [`pause`](Self::pause). After the last one the task goes on, unless it waits for a
    /// Deferred or is finished, which is no error.
    ///
    /// # Errors
    ///
    /// [`NotPaused`].
    pub fn resume(&self) -> Result<(), NotPaused> {
        self.scheduler.resume(&self.task)
    }

    /// No more steps at all: the iterator is dropped and [`when_done`](Self::when_done) fails with
    /// [`TaskFinished::TaskStopped`] before this returns. A Deferred that the task waits for is not
    /// cancelled; its result is dropped.
    ///
    /// # Errors
    ///
    /// [`TaskFinished`], which says how it has come to its end.
    pub fn stop(&self) -> Result<(), TaskFinished> {
        self.scheduler.stop_task(&self.task)
    }
}

/// Shows its state.
impl fmt::Debug for CooperativeTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.task, f)
    }
}
