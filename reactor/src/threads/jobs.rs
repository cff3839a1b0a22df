//! The jobs that a reactor gave to its pool, and the callbacks that wait for them.
//!
//! Invariant: a callback is taken out of here at most once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use interfaces::ThreadOutcome;

use super::pool::{Job, RefusedJobs, SpawnThread, WorkerPool, spawn_system_thread};

/// The most threads for jobs that are cut off.
pub(crate) const CUT_OFF_THREADS_MAX: usize = 10;

/// The callback that is told how a job ended.
pub(crate) type Done = Box<dyn FnOnce(ThreadOutcome)>;

/// The jobs of a reactor that have not ended.
pub(crate) struct Jobs {
    pool: RefCell<Option<WorkerPool>>,
    /// For jobs that are cut off: those that hang, as look-ups do, keep no other waiting.
    cut_off_pool: RefCell<Option<WorkerPool>>,
    /// One thread, for those of the jobs that are cut off which turn out to be short, while all threads
    /// have others.
    short_pool: RefCell<Option<WorkerPool>>,
    /// By the number of the job, ascending; a number is never used again, as an outcome may come after
    /// its job was dropped.
    pending: RefCell<VecDeque<PendingJob>>,
    next_number: Cell<u64>,
    threads_max: Cell<usize>,
    /// `None` means a thread of the system. The function is named where a job is submitted, so that
    /// the linker drops it from a program that submits none.
    spawn_thread: Cell<Option<SpawnThread>>,
}

/// A job whose outcome was not told.
struct PendingJob {
    number: u64,
    done: Done,
    /// Handed to the pool, and not to be cut off by the end of the run.
    is_awaited: bool,
}

/// Whether the end of a run waits for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTheEnd {
    /// It waits, for a while.
    Awaited,
    /// The job only finds something out, which nothing asks for any more.
    CutOff,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            pool: RefCell::default(),
            cut_off_pool: RefCell::default(),
            short_pool: RefCell::default(),
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
        let place = pending.binary_search_by_key(&number, |job| job.number).ok()?;
        pending.remove(place).map(|job| job.done)
    }

    /// Keeps the callback of a job; returns the job's number.
    pub(crate) fn add(&self, done: Done) -> u64 {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        let job = PendingJob { number, done, is_awaited: false };
        self.pending.borrow_mut().push_back(job);
        number
    }

    /// Takes all callbacks; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&self) -> Vec<Done> {
        self.pending.take().into_iter().map(|job| job.done).collect()
    }

    /// Ends the pool; the next job starts another one.
    pub(crate) fn close(&self) {
        drop(self.pool.take());
        drop(self.cut_off_pool.take());
        drop(self.short_pool.take());
    }

    /// Whether the end of a run has jobs to wait for.
    pub(crate) fn are_awaited(&self) -> bool {
        self.pending.borrow().iter().any(|job| job.is_awaited)
    }

    /// The end of a run waits for none of the present jobs.
    pub(crate) fn cut_off(&self) {
        self.pending.borrow_mut().iter_mut().for_each(|job| job.is_awaited = false);
    }

    /// A job is about to be done: the end of the run waits for it, or does not.
    pub(crate) fn begin(&self, number: u64, at_the_end: AtTheEnd) {
        let mut pending = self.pending.borrow_mut();
        if let Ok(place) = pending.binary_search_by_key(&number, |job| job.number) {
            pending[place].is_awaited = at_the_end == AtTheEnd::Awaited;
        }
    }

    /// Hands a job to the pool.
    ///
    /// # Errors
    ///
    /// As [`WorkerPool::submit`].
    pub(crate) fn submit(&self, job: Job, at_the_end: AtTheEnd) -> Result<(), RefusedJobs> {
        let (pool, threads_max) = match at_the_end {
            AtTheEnd::Awaited => (&self.pool, self.threads_max.get()),
            AtTheEnd::CutOff => (&self.cut_off_pool, CUT_OFF_THREADS_MAX),
        };
        self.with_pool(pool, |pool| pool.submit(job, threads_max))
    }

    fn with_pool<R>(
        &self,
        pool: &RefCell<Option<WorkerPool>>,
        use_it: impl FnOnce(&WorkerPool) -> R,
    ) -> R {
        let spawn_thread = self.spawn_thread.get().unwrap_or(spawn_system_thread);
        use_it(pool.borrow_mut().get_or_insert_with(|| WorkerPool::new(spawn_thread)))
    }

    /// Has a job that is cut off done by another thread where `is_short` says so there, if it would wait
    /// for the end of another job.
    pub(crate) fn pass_if_short(&self, number: u64, is_short: Box<dyn FnOnce() -> bool + Send>) {
        let cut_off_pool = self.cut_off_pool.borrow();
        let Some(pool) = cut_off_pool.as_ref().filter(|pool| pool.is_full(CUT_OFF_THREADS_MAX))
        else {
            return;
        };
        let work = pool.taking_over(number, is_short);
        // Without a thread for it, the job waits in its own queue.
        drop(self.with_pool(&self.short_pool, |pool| pool.submit(Job { number, work }, 1)));
    }

    /// Takes back a job that is cut off and that no thread has begun, with its callback; the caller drops
    /// both.
    pub(crate) fn withdraw(&self, number: u64) -> Option<(Vec<Job>, Done)> {
        self.pending.borrow().binary_search_by_key(&number, |job| job.number).ok()?;
        let from = |pool: &RefCell<Option<WorkerPool>>| pool.borrow().as_ref()?.withdraw(number);
        let job = from(&self.cut_off_pool)?;
        let jobs = [Some(job), from(&self.short_pool)].into_iter().flatten().collect();
        self.take(number).map(|done| (jobs, done))
    }

    #[cfg(test)]
    pub(crate) fn set_spawn_thread(&self, spawn_thread: SpawnThread) {
        self.spawn_thread.set(Some(spawn_thread));
    }
}
