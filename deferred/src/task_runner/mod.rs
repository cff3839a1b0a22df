//! [`TaskRunner`]: futures as Deferreds, polled on one thread; Twisted's `ensureDeferred`,
//! `Deferred.fromCoroutine`, `Deferred.fromFuture` and the loop behind `inlineCallbacks`.
//!
//! ```text
//!                       wake, any thread                run()
//!   spawn() ─▶ polled ◀─────────────────── suspended ◀───────┐
//!                │ ▲                           │ ▲            │
//!                │ └── run(), if it was woken ─┘ └── pending ─┤
//!                └────────────────────────────────────────────┤
//!                                                             └── ready ─▶ gone, its promise fired
//! ```
//!
//! Twisted resumes a coroutine inside the call that fires what it awaits. Here the call only puts
//! the task on a list, and `run` polls it later. A cancellation goes to the Deferreds that a task
//! awaits: an `await` finds its task by the waker of the [`Context`](core::task::Context), and
//! records itself there.
//!
//! Invariant: a task is polled by `run` or by its own `spawn`, never from inside a waker, a firing or
//! a cancelling call, nor while it is being polled.

mod body;
mod runner_core;
mod tasks;

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;
use core::future::Future;

use crate::deferred::Deferred;
use crate::error::DeferredError;
use body::Body;
use runner_core::RunnerCore;

/// Runs futures on this thread, and makes a [`Deferred`] of each.
///
/// Async code needs nothing else: its owner spawns futures and calls [`run`](TaskRunner::run) when
/// they were woken. A reactor owns one; without a reactor, `while runner.run() {}` after each event
/// is a main loop.
///
/// Dropping it drops its futures; their Deferreds are [`Cancelled`](crate::Cancelled). A future that
/// owns a handle of its own runner, an `Rc` say, keeps both alive for as long as it is not done; give
/// it a weak one.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, Failure, TaskRunner};
///
/// async fn sum(one: Deferred<u32>, other: Deferred<u32>) -> Result<u32, Failure> {
///     Ok(one.await? + other.await?)
/// }
///
/// let runner = TaskRunner::new();
/// let (one, one_promise) = Deferred::new();
/// let (other, other_promise) = Deferred::new();
/// let sum = runner.spawn(sum(one, other));
/// one_promise.callback(40);
/// other_promise.callback(2);
/// assert!(!sum.is_fired()); // a task goes on when it is run, not inside the firing call
/// runner.run();
/// assert_eq!(sum.try_into_result().unwrap().unwrap(), 42);
/// ```
///
/// It stays on its thread:
///
/// ```compile_fail,E0277
/// let runner = ropewalk_deferred::TaskRunner::new();
/// std::thread::spawn(move || runner.run());
/// ```
///
/// # Differences from Twisted
///
/// An awaiting task resumes in [`run`](TaskRunner::run), after the firing call has returned.
/// Twisted resumes it inside.
///
/// # Portability
///
/// It needs a target whose atomics can compare and exchange a pointer, as `alloc::sync::Arc` does.
pub struct TaskRunner {
    inner: Rc<RunnerCore>,
}

impl TaskRunner {
    /// A runner whose owner asks [`is_ready`](TaskRunner::is_ready) by itself.
    pub fn new() -> Self {
        TaskRunner::with_wake(|| {})
    }

    /// A runner that calls `wake` when [`is_ready`](TaskRunner::is_ready) becomes true, so that
    /// a sleeping thread can run it.
    ///
    /// It is called from inside wakers, that is, on any thread and from inside firing calls. It may
    /// only record or signal that tasks are ready. It is called once for any number of tasks that
    /// are woken before the next run.
    pub fn with_wake(wake: impl Fn() + Send + Sync + 'static) -> Self {
        TaskRunner { inner: Rc::new(RunnerCore::new(Box::new(wake))) }
    }

    /// Polls the future once, now, and returns a Deferred of its result. Twisted's
    /// `ensureDeferred`.
    ///
    /// A future that never waits is done when this returns, and its Deferred has fired; any other
    /// is polled by [`run`](TaskRunner::run) when it was woken. A future that is done is dropped,
    /// with its captures, before its Deferred fires. Dropping the Deferred stops nothing.
    ///
    /// # Cancelling
    ///
    /// Cancelling the Deferred cancels every Deferred that the future awaits at that moment, before
    /// [`cancel`](crate::CancelHandle::cancel) returns. The future sees the outcome where it
    /// awaits, most often [`Cancelled`](crate::Cancelled), when it is run the next time. It may
    /// handle that, await something else, which a second cancellation cancels, and return any
    /// result.
    ///
    /// - A future that was woken and has not run yet, or that runs right now, keeps the result that it
    ///   was woken for. What it awaits next, if it has to wait for it, is cancelled.
    /// - A future that awaits no Deferred is dropped, and the result is `Cancelled`. An await
    ///   behind a combinator that polls its parts with wakers of its own is not counted.
    /// - A row of tasks, each awaiting the Deferred of the next, is cancelled by nested calls, so its
    ///   length is limited by the stack. Running and dropping such a row is not.
    ///
    /// # Panics
    ///
    /// When the future does. Then it is gone and its Deferred cancelled, as in
    /// [`run`](TaskRunner::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred, Failure, TaskRunner};
    ///
    /// let runner = TaskRunner::new();
    /// let (work, _promise) = Deferred::<u32>::new();
    /// let task = runner.spawn(async move {
    ///     match work.await {
    ///         Err(failure) if failure.check::<Cancelled>() => Ok(0),
    ///         result => result,
    ///     }
    /// });
    /// task.cancel_handle().cancel();
    /// runner.run();
    /// assert_eq!(task.try_into_result().unwrap().unwrap(), 0);
    /// ```
    ///
    /// # Differences from Twisted
    ///
    /// In Twisted the coroutine sees its cancellation before `cancel` returns. A cancellation of a
    /// coroutine that runs right now fails there by an assertion.
    #[track_caller]
    #[doc(alias = "ensureDeferred")]
    pub fn spawn<T: 'static, E: DeferredError>(
        &self,
        future: impl Future<Output = Result<T, E>> + 'static,
    ) -> Deferred<T, E> {
        self.spawn_with(future, |step| step())
    }

    /// [`spawn`](TaskRunner::spawn), with the poll given to `call`; see
    /// [`run_with`](TaskRunner::run_with).
    #[track_caller]
    pub fn spawn_with<T: 'static, E: DeferredError>(
        &self,
        future: impl Future<Output = Result<T, E>> + 'static,
        call: impl FnOnce(&mut dyn FnMut()),
    ) -> Deferred<T, E> {
        let inner = &self.inner;
        let waker = inner.new_waker();
        let (weak, own) = (Rc::downgrade(inner), waker.clone());
        let (deferred, promise) = Deferred::with_cooperative_canceller(move || {
            if let Some(inner) = weak.upgrade() {
                inner.cancel(&own);
            }
        });
        inner.add(waker.clone(), Box::pin(Body::new(future, promise)));
        call(&mut || inner.resume(&waker));
        deferred
    }

    /// Polls the tasks that have been woken, in the order in which they were. Those that are woken
    /// meanwhile wait for the next call; the answer is whether there are any. So a task that wakes
    /// itself for ever does not keep this from returning.
    ///
    /// Called from inside a task it polls nothing: one task does not run inside another, but for the
    /// first step of one that is spawned there.
    ///
    /// # Panics
    ///
    /// When a task does. That task is gone and its Deferred cancelled; the others are polled by the
    /// next call.
    pub fn run(&self) -> bool {
        self.run_with(|step| step())
    }

    /// [`run`](TaskRunner::run), with each poll given to `call`: for a main loop that does something
    /// around each, such as catching panics. It has to call the closure, and may catch its panic.
    pub fn run_with(&self, mut call: impl FnMut(&mut dyn FnMut())) -> bool {
        let inner = &*self.inner;
        if !inner.is_polling() {
            inner.line_up();
            while let Some(waker) = inner.next() {
                call(&mut || inner.resume(&waker));
            }
        }
        self.is_ready()
    }

    /// Whether a task was woken, so that [`run`](TaskRunner::run) would poll it.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    /// The number of futures that are not done.
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// Whether all futures are done.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all futures, as dropping the runner does, each drop given to `call`; see
    /// [`run_with`](TaskRunner::run_with). When all are gone, their promises are dropped.
    pub fn drop_tasks_with(&self, mut call: impl FnMut(&mut dyn FnMut())) {
        let mut tasks = self.inner.take_all();
        // First all of them, so that none is told of the end of another.
        for task in &mut tasks {
            call(&mut || task.body.as_mut().drop_future());
        }
        for task in tasks {
            let mut task = Some(task);
            call(&mut || drop(task.take()));
        }
    }
}

impl Default for TaskRunner {
    fn default() -> Self {
        TaskRunner::new()
    }
}

impl Drop for TaskRunner {
    fn drop(&mut self) {
        self.drop_tasks_with(|step| step());
    }
}

impl fmt::Debug for TaskRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRunner").field("tasks", &self.len()).finish_non_exhaustive()
    }
}
