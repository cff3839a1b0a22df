//! The jobs that a reactor gave to its pool, and the callbacks that wait for them.
//!
//! Invariant: a callback is taken out of here at most once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use interfaces::ThreadOutcome;

use super::pool::{Job, RefusedJobs, SpawnThread, ThreadPool, spawn_system_thread};

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
    /// `None` means a thread of the system. The function is named where a job is submitted, so that
    /// the linker drops it from a program that submits none.
    spawn_thread: Cell<Option<SpawnThread>>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            pool: RefCell::default(),
            pending: RefCell::default(),
            next_number: Cell::new(0),
            threads_max: Cell::new(10),
            spawn_thread: Cell::new(None),
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
    pub(crate) fn take(&self, number: u64) -> Option<Done> {
        let mut pending = self.pending.borrow_mut();
        let place = pending.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        pending.remove(place).map(|(_, done)| done)
    }

    /// Keeps the callback of a job; returns the job's number.
    pub(crate) fn add(&self, done: Done) -> u64 {
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

    /// Hands a job to the pool.
    ///
    /// # Errors
    ///
    /// As [`ThreadPool::submit`].
    pub(crate) fn submit(&self, job: Job) -> Result<(), RefusedJobs> {
        let mut pool = self.pool.borrow_mut();
        let spawn_thread = self.spawn_thread.get().unwrap_or(spawn_system_thread);
        let pool = pool.get_or_insert_with(|| ThreadPool::new(spawn_thread));
        pool.submit(job, self.threads_max.get())
    }

    #[cfg(test)]
    pub(crate) fn set_spawn_thread(&self, spawn_thread: SpawnThread) {
        self.spawn_thread.set(Some(spawn_thread));
    }
}
