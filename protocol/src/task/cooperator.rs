//! [`Cooperator`]: long work, a little at a time; Twisted's `task.Cooperator`.
//!
//! Invariant: it is a handle without state of its own; [`Scheduler`] runs the tasks.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;

use deferred::{Deferred, Failure, IntoDeferred};
use interfaces::ReactorTime;

use super::CooperativeTask;
use super::scheduler::{Scheduler, SchedulerStage};
use super::termination::{Predicate, Termination};

/// Does long work a little at a time, so that the reactor and the other tasks have their turn.
/// Twisted's `Cooperator`.
///
/// A task is an iterator. Each step is of a type that a callback may return: `Ok(())`, an error,
/// which ends the task, or a [`Deferred`], which is waited for before the next step. Tasks take
/// steps by turns, for 10 ms by its clock and for 10,000 steps at most; then the reactor has its
/// turn.
///
/// It is a handle, and a clone is the same cooperator. Twisted's module has one for all; a program
/// makes one for its reactor, and hands out clones. Dropping the last handle stops nothing that has
/// a step to take; tasks that can take no step any more, as after the reactor's end, are cancelled
/// with it.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use protocol::task::Cooperator;
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let cooperator = Cooperator::new(Rc::new(clock.clone()));
/// let sum = Rc::new(Cell::new(0));
/// let total = sum.clone();
/// let task = cooperator.cooperate((1..=100).map(move |n| {
///     total.set(total.get() + n);
///     Ok(())
/// }));
/// let done = task.when_done();
/// assert_eq!(sum.get(), 0, "never inside the call that asks for it");
/// clock.advance(Duration::from_millis(1));
/// assert_eq!(sum.get(), 5050);
/// assert!(done.try_into_result().unwrap().is_ok());
/// ```
///
/// Many things at once, but no more than three: three tasks that share one iterator.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{cell::RefCell, rc::Rc, time::Duration};
/// use deferred::Deferred;
/// use protocol::task::Cooperator;
/// use protocol::testing::Clock;
///
/// let clock = Clock::new();
/// let cooperator = Cooperator::new(Rc::new(clock.clone()));
/// let asked = Rc::new(RefCell::new(Vec::new()));
/// let pages = Rc::new(RefCell::new(1..=10));
/// for _ in 0..3 {
///     let (asked, pages) = (asked.clone(), pages.clone());
///     cooperator.cooperate(std::iter::from_fn(move || {
///         let page = pages.borrow_mut().next()?;
///         let (answer, promise) = Deferred::<String>::new();
///         asked.borrow_mut().push((page, promise));
///         Some(answer)
///     }));
/// }
/// clock.advance(Duration::from_millis(1));
/// assert_eq!(asked.borrow().len(), 3);
/// let (_, first) = asked.borrow_mut().remove(0);
/// first.callback("a page".to_string());
/// clock.advance(Duration::from_millis(1));
/// assert_eq!(asked.borrow().last().unwrap().0, 4);
/// # cooperator.stop();
/// ```
///
/// # Differences from Twisted
///
/// - It asks its clock for its turns and for the time. There is no other scheduler to be given, and
///   no cooperator of the whole process.
/// - [`stop`](Self::stop) finishes at once also the tasks that are paused or wait for a Deferred; in
///   Twisted these are told when they would go on.
/// - A turn has a limit of steps beside that of time.
/// - It fires with `()`, not with the iterator.
#[derive(Clone)]
pub struct Cooperator {
    scheduler: Rc<Scheduler>,
}

impl Cooperator {
    /// A cooperator that runs its tasks as they come.
    pub fn new(clock: impl ReactorTime + 'static) -> Self {
        Self { scheduler: Rc::new(Scheduler::new(Rc::new(clock), SchedulerStage::Started)) }
    }

    /// A cooperator whose tasks wait for its [`start`](Self::start). Twisted's `started=False`.
    pub fn unstarted(clock: impl ReactorTime + 'static) -> Self {
        Self { scheduler: Rc::new(Scheduler::new(Rc::new(clock), SchedulerStage::Unstarted)) }
    }

    /// Turns are as long as a predicate says, of which `factory` makes one for each turn. It is asked
    /// after each step, and the turn is over when it says `true`. Twisted's
    /// `terminationPredicateFactory`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ropewalk_protocol as protocol;
    /// use std::rc::Rc;
    /// use protocol::task::Cooperator;
    /// use protocol::testing::Clock;
    ///
    /// // Three steps a turn.
    /// let cooperator = Cooperator::new(Rc::new(Clock::new())).with_termination(|| {
    ///     let mut steps = 0;
    ///     move || {
    ///         steps += 1;
    ///         steps == 3
    ///     }
    /// });
    /// assert!(cooperator.running());
    /// ```
    #[must_use]
    pub fn with_termination<P>(self, factory: impl Fn() -> P + 'static) -> Self
    where
        P: FnMut() -> bool + 'static,
    {
        let factory = Rc::new(move || Box::new(factory()) as Predicate);
        self.scheduler.terminate_by(Termination::Custom(factory));
        self
    }

    /// Takes the steps of an iterator, by turns with those of the other tasks. None is taken before
    /// this returns. When the cooperator was stopped, none is ever taken, and the task is finished.
    ///
    /// The iterator is called with nothing borrowed, and may do anything with this task, the others
    /// and the cooperator. It is dropped when its task is finished.
    pub fn cooperate<I>(&self, iterator: I) -> CooperativeTask
    where
        I: IntoIterator,
        I::IntoIter: 'static,
        I::Item: IntoDeferred<Error = Failure>,
    {
        let steps = iterator.into_iter();
        let steps = steps.map(|step| step.into_deferred().add_callback(|_| Ok(())));
        let task = self.scheduler.add(Box::new(steps));
        CooperativeTask::new(self.scheduler.clone(), task)
    }

    /// As [`cooperate`](Self::cooperate), but returns only the Deferred of the end.
    ///
    /// # Errors
    ///
    /// As [`CooperativeTask::when_done`].
    pub fn coiterate<I>(&self, iterator: I) -> Deferred<()>
    where
        I: IntoIterator,
        I::IntoIter: 'static,
        I::Item: IntoDeferred<Error = Failure>,
    {
        self.cooperate(iterator).when_done()
    }

    /// Runs the tasks that wait, and those that come. It may have been stopped before.
    pub fn start(&self) {
        self.scheduler.start();
    }

    /// Ends all tasks, and takes no more. Each one's iterator is dropped, and its
    /// [`when_done`](CooperativeTask::when_done) fails with
    /// [`SchedulerStopped`](super::TaskFinished::SchedulerStopped) before this returns.
    pub fn stop(&self) {
        self.scheduler.stop();
    }

    /// Whether it runs tasks: it was started, and not stopped since.
    pub fn running(&self) -> bool {
        match self.scheduler.stage() {
            SchedulerStage::Started => true,
            SchedulerStage::Unstarted | SchedulerStage::Stopped => false,
        }
    }
}

/// Shows whether it runs, and how many tasks are not finished.
impl fmt::Debug for Cooperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cooperator")
            .field("stage", &self.scheduler.stage())
            .field("unfinished", &self.scheduler.unfinished())
            .finish_non_exhaustive()
    }
}
