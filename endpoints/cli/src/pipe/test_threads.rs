//! Threads that run when a test says so.
//!
//! Invariant: work runs in the order in which it was given, each piece just before its `done`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{FromThread, ReactorThreads, ThreadOutcome};

type Job = (Box<dyn FnOnce() + Send>, Box<dyn FnOnce(ThreadOutcome)>);

/// A pool without threads; a clone is the same pool.
#[derive(Clone, Default)]
pub(crate) struct TestThreads {
    jobs: Rc<RefCell<VecDeque<Job>>>,
}

impl TestThreads {
    /// Runs the next piece of work. Answers whether there was one.
    pub(crate) fn run_one(&self) -> bool {
        let job = self.jobs.borrow_mut().pop_front();
        let Some((work, done)) = job else { return false };
        work();
        done(ThreadOutcome::Done);
        true
    }

    /// Runs until there is no more to do.
    pub(crate) fn run_all(&self) {
        while self.run_one() {}
    }
}

impl ReactorThreads for TestThreads {
    fn remote(&self) -> Arc<dyn FromThread> {
        detached()
    }

    fn call_in_thread(&self, work: Box<dyn FnOnce() + Send>, done: Box<dyn FnOnce(ThreadOutcome)>) {
        self.jobs.borrow_mut().push_back((work, done));
    }

    fn suggest_thread_pool_size(&self, _threads: usize) {}
}

/// The handle of a reactor that is gone: nothing here is called from a thread.
fn detached() -> Arc<dyn FromThread> {
    struct Detached;
    impl FromThread for Detached {
        fn call_from_thread(&self, call: Box<dyn FnOnce() + Send>) {
            drop(call);
        }
    }
    Arc::new(Detached)
}
