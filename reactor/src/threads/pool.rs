//! The reactor's own pool of threads for blocking work; Twisted's `reactor.threadpool`.
//!
//! Workers start when there is a job for them, and end after a while without one. They never see the
//! reactor. Invariant: no job runs on the thread that submits it.

use std::io;
use std::sync::Arc;
use std::thread;

use super::job_queue::{Added, JobQueue};

/// A closure that blocks.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// How a thread is started; a test replaces it by one that fails.
pub(crate) type SpawnThread = fn(Work) -> io::Result<()>;

/// The workers and their queue.
pub(crate) struct WorkerPool {
    queue: Arc<JobQueue<Job>>,
    spawn_thread: SpawnThread,
}

/// A piece of work with the number by which the reactor knows it.
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) work: Work,
}

/// Jobs that no worker will take, as no thread could be started.
pub(crate) struct RefusedJobs {
    pub(crate) jobs: Vec<Job>,
    pub(crate) error: io::Error,
}

impl WorkerPool {
    pub(crate) fn new(spawn_thread: SpawnThread) -> Self {
        Self { queue: Arc::new(JobQueue::new()), spawn_thread }
    }

    /// Queues a job, and starts a worker for it if no worker is idle and fewer than `threads_max` are
    /// there.
    ///
    /// # Errors
    ///
    /// The jobs that were to be done by a thread that could not be started. While there is another
    /// worker, the job waits for it, and there is no error.
    pub(crate) fn submit(&self, job: Job, threads_max: usize) -> Result<(), RefusedJobs> {
        match self.queue.add(job, threads_max) {
            Added::Queued => Ok(()),
            Added::NeedsWorker => {
                let queue = Arc::clone(&self.queue);
                let worker = Box::new(move || work_off(&queue));
                (self.spawn_thread)(worker).or_else(|error| {
                    let jobs = Vec::from(self.queue.retract());
                    if jobs.is_empty() { Ok(()) } else { Err(RefusedJobs { jobs, error }) }
                })
            }
        }
    }
}

impl WorkerPool {
    /// Takes a job back that no worker has begun.
    pub(crate) fn withdraw(&self, number: u64) -> Option<Job> {
        withdraw(&self.queue, number)
    }

    /// Whether a job that is submitted now waits until one of `threads_max` workers has ended another.
    pub(crate) fn is_full(&self, threads_max: usize) -> bool {
        let counts = self.queue.counts();
        counts.workers >= threads_max && counts.idle < counts.jobs
    }

    /// Work for a thread of another pool: takes this job over and does it, if `is_short` says so and no
    /// worker has begun it by then.
    pub(crate) fn taking_over(
        &self,
        number: u64,
        is_short: Box<dyn FnOnce() -> bool + Send>,
    ) -> Work {
        let queue = Arc::clone(&self.queue);
        Box::new(move || {
            if is_short()
                && let Some(job) = withdraw(&queue, number)
            {
                (job.work)();
            }
        })
    }
}

fn withdraw(queue: &JobQueue<Job>, number: u64) -> Option<Job> {
    queue.withdraw(|job| job.number == number)
}

impl Drop for WorkerPool {
    /// Idle workers end; a busy one ends when the queue is empty. The reactor waits for its jobs, not for
    /// its threads.
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Starts a thread of the system.
pub(crate) fn spawn_system_thread(body: Work) -> io::Result<()> {
    thread::Builder::new().name("ropewalk-worker".to_owned()).spawn(body).map(drop)
}

/// The life of a worker.
fn work_off(queue: &JobQueue<Job>) {
    while let Some(job) = queue.next() {
        (job.work)();
    }
}
