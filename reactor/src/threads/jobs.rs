//! Work that a reactor gave to its pool, and how each piece ended; Twisted's `deferToThreadPool`.
//!
//! A worker sends the outcome home through [`Remote`]. A job that no thread can take is refused by the
//! same way, so that `done` never runs inside the call that asked for it.
//! Invariant: each `done` runs at most once, on the reactor's thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};

use interfaces::{ReactorEvent, ThreadOutcome};

use super::Remote;
use super::pool::{Job, RefusedJobs, SpawnThread, ThreadPool, Work, spawn_system_thread};
use crate::core::Core;
use crate::core::foreign::{drop_quietly, panic_message};
use crate::sys::StreamSys;

/// The callback that is told how a job ended.
pub(crate) type Done = Box<dyn FnOnce(ThreadOutcome)>;

/// The jobs of a reactor that have not ended.
pub(crate) struct Jobs {
    pool: RefCell<Option<ThreadPool>>,
    /// By the number of the job, ascending; a number is never used again, as an outcome may come after
    /// its job was dropped.
    pending: RefCell<VecDeque<(u64, Done)>>,
    next_number: Cell<u64>,
    threads_max: Cell<usize>,
    spawn_thread: Cell<SpawnThread>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            pool: RefCell::default(),
            pending: RefCell::default(),
            next_number: Cell::new(0),
            threads_max: Cell::new(10),
            spawn_thread: Cell::new(spawn_system_thread),
        }
    }
}

impl Jobs {
    pub(crate) fn set_threads_max(&self, threads: usize) {
        self.threads_max.set(threads.max(1));
    }

    /// The number of jobs whose outcome was not told.
    pub(crate) fn pending(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Takes the callback of a job. Most jobs end about in the order in which they were submitted, so
    /// few entries are moved.
    fn take(&self, number: u64) -> Option<Done> {
        let mut pending = self.pending.borrow_mut();
        let place = pending.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        pending.remove(place).map(|(_, done)| done)
    }

    fn add(&self, done: Done) -> u64 {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        self.pending.borrow_mut().push_back((number, done));
        number
    }

    /// Takes all callbacks; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&self) -> Vec<Done> {
        self.pending.take().into_iter().map(|(_, done)| done).collect()
    }

    /// Ends the pool; the next job starts another one.
    pub(crate) fn close(&self) {
        drop(self.pool.take());
    }

    fn submit(&self, job: Job) -> Result<(), RefusedJobs> {
        let mut pool = self.pool.borrow_mut();
        let pool = pool.get_or_insert_with(|| ThreadPool::new(self.spawn_thread.get()));
        pool.submit(job, self.threads_max.get())
    }

    #[cfg(test)]
    pub(super) fn set_spawn_thread(&self, spawn_thread: SpawnThread) {
        self.spawn_thread.set(spawn_thread);
    }
}

impl<S: StreamSys> Core<S> {
    pub(crate) fn call_in_thread(&self, work: Work, done: Done) {
        let number = self.jobs.add(done);
        let remote = Remote::new(&self.remote_queue);
        let core = self.me.clone();
        let work: Work = Box::new(move || {
            let outcome = outcome_of(work);
            remote.call_from_thread(move |reactor| reactor.core().job_ended(number, outcome));
        });
        self.when_running(Box::new(move || {
            if let Some(core) = core.upgrade() {
                core.submit(Job { number, work });
            }
        }));
    }

    fn submit(&self, job: Job) {
        let Err(RefusedJobs { jobs, error }) = self.jobs.submit(job) else { return };
        let attempt = "starting a thread for blocking work";
        self.observe(&ReactorEvent::Failed { attempt, error: &error });
        let remote = Remote::new(&self.remote_queue);
        for Job { number, work } in jobs {
            self.drop_guarded("work of a thread", work);
            let outcome = ThreadOutcome::Refused(format!(
                "no thread could be started for it, and the pool has none: {error}"
            ));
            remote.call_from_thread(move |reactor| reactor.core().job_ended(number, outcome));
        }
    }

    fn job_ended(&self, number: u64, outcome: ThreadOutcome) {
        let done = self.jobs.take(number);
        if let Some(done) = done {
            drop(self.call("work of a thread", None, || done(outcome)));
        }
    }
}

fn outcome_of(work: Work) -> ThreadOutcome {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => ThreadOutcome::Done,
        Err(payload) => {
            let message = panic_message(&*payload).to_string();
            // A payload may panic again when it is dropped; the worker lives on.
            drop_quietly(payload);
            ThreadOutcome::Panicked(message)
        }
    }
}
