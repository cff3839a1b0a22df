//! Futures that run on the reactor: [`Reactor::spawn`](crate::Reactor::spawn), on a
//! [`TaskRunner`] of the crate `deferred`.
//!
//! A task is polled after the foreign call that woke it has returned, and before the next event.
//! Invariant: every step of a task goes through the door for foreign code, so its panic is told to
//! the observer and costs that task only.

use std::future::Future;
use std::sync::Arc;

use deferred::{Deferred, Fault, TaskRunner};

use crate::core::Core;
use crate::remote::Shared;
use crate::sys::Sys;

/// A runner whose tasks end the reactor's wait when they are woken.
pub(crate) fn runner<S: Sys>(shared: &Arc<Shared<S>>) -> TaskRunner {
    let shared = Arc::clone(shared);
    TaskRunner::with_wake(move || shared.wake())
}

impl<S: Sys> Core<S> {
    /// Polls the tasks that are ready, unless foreign code runs: a task comes after the call that
    /// woke it, not inside of what that call asks of the reactor. Those that are woken meanwhile
    /// come next time.
    #[inline]
    pub(crate) fn run_woken_tasks(&self) {
        if self.tasks.is_ready() && self.agenda.depth.get() == 0 {
            self.tasks.run_with(|step| self.step(step));
        }
    }

    /// Polls the future for the first time, within the call that spawns it.
    #[track_caller]
    pub(crate) fn spawn<T: 'static, E: Fault>(
        &self,
        future: impl Future<Output = Result<T, E>> + 'static,
    ) -> Deferred<T, E> {
        self.tasks.spawn_with(future, |step| self.step(step))
    }

    /// Drops all futures, at the end of a run.
    pub(crate) fn let_go_of_tasks(&self) {
        self.tasks.drop_tasks_with(|step| self.step(step));
    }

    /// A panic was observed, and the other tasks go on.
    fn step(&self, step: &mut dyn FnMut()) {
        drop(self.call_without_tasks("task", None, step));
    }
}
