//! Futures that run on the reactor: [`Reactor::spawn`](crate::Reactor::spawn), on a
//! [`TaskRunner`] of the crate `deferred`.
//!
//! A task is polled after the foreign call that woke it has returned, and before the next event.
//! Invariant: every step of a task goes through the door for foreign code, so its panic is told to
//! the observer and costs that task only.

use std::cell::OnceCell;
use std::future::Future;
use std::sync::Arc;

use deferred::{Deferred, DeferredError, TaskRunner};

use crate::core::Core;
use crate::remote::Shared;
use crate::sys::Sys;

/// The futures of a reactor.
///
/// The runner comes with the first of them, and is called through a trait: a program that spawns
/// none carries nothing of how tasks run.
#[derive(Default)]
pub(crate) struct Tasks(OnceCell<Box<dyn Runner>>);

trait Runner {
    fn runner(&self) -> &TaskRunner;
    fn run(&self, call: &mut dyn FnMut(&mut dyn FnMut()));
    fn drop_tasks(&self, call: &mut dyn FnMut(&mut dyn FnMut()));
}

impl Runner for TaskRunner {
    fn runner(&self) -> &TaskRunner {
        self
    }

    fn run(&self, call: &mut dyn FnMut(&mut dyn FnMut())) {
        self.run_with(call);
    }

    fn drop_tasks(&self, call: &mut dyn FnMut(&mut dyn FnMut())) {
        self.drop_tasks_with(call);
    }
}

impl Tasks {
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.0.get().is_some_and(|tasks| tasks.runner().is_ready())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.get().map_or(0, |tasks| tasks.runner().len())
    }

    /// Drops all futures, each by `call`.
    pub(crate) fn let_go(&self, call: &mut dyn FnMut(&mut dyn FnMut())) {
        if let Some(tasks) = self.0.get() {
            tasks.drop_tasks(call);
        }
    }

    /// The runner, whose tasks end the reactor's wait when they are woken.
    fn runner<S: Sys>(&self, shared: &Arc<Shared<S>>) -> &TaskRunner {
        let make = || {
            let shared = Arc::clone(shared);
            Box::new(TaskRunner::with_wake(move || shared.wake())) as Box<dyn Runner>
        };
        self.0.get_or_init(make).runner()
    }
}

impl<S: Sys> Core<S> {
    /// Polls the tasks that are ready, unless foreign code runs: a task comes after the call that
    /// woke it, not inside of what that call asks of the reactor. Those that are woken meanwhile
    /// come next time.
    #[inline]
    pub(crate) fn run_woken_tasks(&self) {
        if self.tasks.is_ready() && self.agenda.depth.get() == 0 {
            self.run_tasks();
        }
    }

    #[cold]
    fn run_tasks(&self) {
        if let Some(tasks) = self.tasks.0.get() {
            tasks.run(&mut |step| self.step(step));
        }
    }

    /// Polls the future for the first time, within the call that spawns it.
    #[track_caller]
    pub(crate) fn spawn<T: 'static, E: DeferredError>(
        &self,
        future: impl Future<Output = Result<T, E>> + 'static,
    ) -> Deferred<T, E> {
        self.tasks.runner(&self.shared).spawn_with(future, |step| self.step(step))
    }

    /// Drops all futures, at the end of a run.
    pub(crate) fn let_go_of_tasks(&self) {
        self.tasks.let_go(&mut |step| self.step(step));
    }

    /// A panic was observed, and the other tasks go on.
    fn step(&self, step: &mut dyn FnMut()) {
        drop(self.call_without_tasks("task", None, step));
    }
}
