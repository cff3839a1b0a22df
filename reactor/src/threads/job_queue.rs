//! The queue between the reactor's thread and the workers of its pool, and the count of the workers.
//!
//! ```text
//!   add      queues a job; says whether a worker must be started for it
//!   next     a worker's wait for its next job; None ends the worker
//!   withdraw takes a job back that no worker has taken
//!   retract  the worker could not be started: the job goes back if no other worker takes it
//!   resize   idle workers above the most end, and those below the least stay
//!   close    idle workers end, busy ones when the queue is empty
//! ```
//!
//! Invariant: while a job is queued for which a worker may be started, there is a worker, or one that is being
//! started.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard};

/// How long an idle worker waits for a job before it ends.
const IDLE_WAIT: Duration = Duration::from_secs(5);

/// Jobs of type `J`, in the order in which they were added.
pub(crate) struct JobQueue<J> {
    queued: Mutex<Queued<J>>,
    changed: Condvar,
}

struct Queued<J> {
    jobs: VecDeque<J>,
    workers: usize,
    idle: usize,
    /// The workers that stay when there is nothing to do.
    least: usize,
    /// The workers that stay when there are more.
    most: usize,
    closed: bool,
}

/// How many workers and jobs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueCounts {
    pub(crate) workers: usize,
    pub(crate) idle: usize,
    pub(crate) jobs: usize,
}

/// What the caller of [`JobQueue::add`] must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// Nothing: a worker takes the job.
    Queued,
    /// Start a worker, which is counted already, or [retract](JobQueue::retract) it.
    NeedsWorker,
}

impl<J> JobQueue<J> {
    pub(crate) fn new() -> Self {
        let jobs = VecDeque::new();
        let queued =
            Queued { jobs, workers: 0, idle: 0, least: 0, most: usize::MAX, closed: false };
        Self { queued: Mutex::new(queued), changed: Condvar::new() }
    }

    /// Queues a job.
    pub(crate) fn add(&self, job: J, workers_max: usize) -> Added {
        let mut queued = self.lock();
        queued.jobs.push_back(job);
        if queued.idle >= queued.jobs.len() || queued.workers >= workers_max {
            drop(queued);
            self.changed.notify_one();
            return Added::Queued;
        }
        queued.workers += 1;
        Added::NeedsWorker
    }

    /// The worker that [`add`](Self::add) asked for could not be started. Hands back the jobs that no
    /// worker will take, which is none while there is another worker.
    pub(crate) fn retract(&self) -> VecDeque<J> {
        let mut queued = self.lock();
        queued.workers -= 1;
        if queued.workers > 0 {
            drop(queued);
            self.changed.notify_one();
            return VecDeque::new();
        }
        std::mem::take(&mut queued.jobs)
    }

    /// Takes the first of these jobs out of the queue.
    pub(crate) fn withdraw(&self, is_meant: impl Fn(&J) -> bool) -> Option<J> {
        let mut queued = self.lock();
        let place = queued.jobs.iter().position(is_meant)?;
        queued.jobs.remove(place)
    }

    /// Waits for a worker's next job; `None` when the worker is to end, which is counted already.
    pub(crate) fn next(&self) -> Option<J> {
        let mut queued = self.lock();
        while queued.workers <= queued.most {
            if let Some(job) = queued.jobs.pop_front() {
                return Some(job);
            }
            if queued.closed {
                break;
            }
            queued.idle += 1;
            let waited = self.changed.wait_timeout(queued, IDLE_WAIT);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queued = woken;
            queued.idle -= 1;
            let is_spare = queued.workers > queued.least;
            if timeout.timed_out() && queued.jobs.is_empty() && is_spare {
                break;
            }
        }
        queued.workers -= 1;
        None
    }

    /// Sets the fewest and the most workers, and counts those that must be started for that and for the
    /// jobs that wait; the caller starts as many as this returns, or [retracts](Self::retract) them.
    pub(crate) fn resize(&self, least: usize, most: usize) -> usize {
        let mut queued = self.lock();
        (queued.least, queued.most) = (least, most);
        let busy = queued.workers - queued.idle;
        let wanted = (busy + queued.jobs.len()).clamp(least, most.max(least));
        let missing = wanted.saturating_sub(queued.workers);
        queued.workers += missing;
        drop(queued);
        self.changed.notify_all();
        missing
    }

    /// The workers and jobs at this moment.
    pub(crate) fn counts(&self) -> QueueCounts {
        let queued = self.lock();
        QueueCounts { workers: queued.workers, idle: queued.idle, jobs: queued.jobs.len() }
    }

    /// Takes the jobs that no worker has taken.
    pub(crate) fn take_jobs(&self) -> VecDeque<J> {
        std::mem::take(&mut self.lock().jobs)
    }

    /// Ends the idle workers now, and the busy ones when no job is left.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// No job runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Queued<J>> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
