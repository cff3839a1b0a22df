//! A cooperator to be tested, and tasks that note what they do.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Promise};
use ropewalk_protocol::task::{CooperativeTask, Cooperator, TaskFinished};
use ropewalk_protocol::testing::Clock;

pub(crate) const TURN: Duration = Duration::from_millis(1);

/// A clock, a cooperator that takes one step a turn, and what its tasks have done.
pub(crate) struct Work {
    pub(crate) clock: Clock,
    pub(crate) cooperator: Cooperator,
    pub(crate) done: Rc<RefCell<Vec<u32>>>,
    /// What the next step waits for.
    pub(crate) waits: Rc<RefCell<Option<Deferred<()>>>>,
}

impl Work {
    pub(crate) fn new() -> Self {
        let clock = Clock::new();
        let cooperator = Cooperator::new(Rc::new(clock.clone())).with_termination(|| || true);
        Self { clock, cooperator, done: Rc::default(), waits: Rc::default() }
    }

    /// The numbers of the steps from `first` on, each noted as it is taken.
    pub(crate) fn steps(&self, first: u32) -> impl Iterator<Item = Deferred<()>> + use<> {
        let (done, waits) = (self.done.clone(), self.waits.clone());
        (first..).map(move |step| {
            done.borrow_mut().push(step);
            let wait = waits.take();
            wait.unwrap_or_else(|| Deferred::succeed(()))
        })
    }

    pub(crate) fn task(&self) -> CooperativeTask {
        self.cooperator.cooperate(self.steps(1))
    }

    pub(crate) fn wait_in_next_step(&self) -> Promise<()> {
        let (deferred, promise) = Deferred::new();
        self.waits.replace(Some(deferred));
        promise
    }

    pub(crate) fn turn(&self) {
        self.clock.advance(TURN);
    }

    pub(crate) fn done(&self) -> Vec<u32> {
        self.done.borrow().clone()
    }
}

pub(crate) use testkit::result_of;

/// How a task was finished, as its `when_done` says.
pub(crate) fn finished(deferred: Deferred<()>) -> TaskFinished {
    let failure = result_of(deferred).expect_err("it was not done");
    *failure.downcast_ref().expect("it says how it was finished")
}

/// Lets each of the times pass while nothing runs, and then runs what is due: late, as after a callback
/// that took so long. Twisted's `Clock.advance`.
pub(crate) fn advance_late(clock: &Clock, times: impl IntoIterator<Item = Duration>) {
    for time in times {
        clock.elapse(time);
        clock.advance(Duration::ZERO);
    }
}
