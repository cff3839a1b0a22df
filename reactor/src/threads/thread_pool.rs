//! A pool of threads of the program's own; Twisted's `ThreadPool`.
//!
//! Invariant: no job runs before `start`, and none after `stop` has returned.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use interfaces::panic_message;

use super::job_queue::{Added, JobQueue};

type PoolWork = Box<dyn FnOnce() + Send>;
type OnPanic = dyn Fn(&str) + Send + Sync;

/// Threads for blocking work that is not to use up those of the reactor. A clone is the same pool.
///
/// It has at least `min` threads while it runs, and as many as there is work for up to `max`; one above
/// `min` ends after a few seconds without work. Dropping the last clone ends it without waiting.
///
/// # Examples
///
/// ```
/// use ropewalk_reactor::ThreadPool;
///
/// let pool = ThreadPool::new(0, 2);
/// let (sender, receiver) = std::sync::mpsc::channel();
/// pool.call_in_thread(move || sender.send("done").expect("the test waits"))?;
/// pool.start()?;
/// assert_eq!(receiver.recv(), Ok("done"));
/// pool.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct ThreadPool(Arc<PoolShared>);

struct PoolShared {
    queue: Arc<JobQueue<PoolWork>>,
    on_panic: Arc<OnPanic>,
    name: String,
    state: Mutex<PoolState>,
}

struct PoolState {
    min: usize,
    max: usize,
    stage: PoolStage,
    threads: Vec<JoinHandle<()>>,
    /// Jobs that no thread will do; dropped when the lock is free.
    refused: VecDeque<PoolWork>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PoolStage {
    New,
    Started,
    Stopped,
}

/// How many threads and jobs a pool has at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadPoolCounts {
    /// Threads, those that are being started included.
    pub threads: usize,
    /// Threads that wait for a job.
    pub waiting: usize,
    /// Threads that have one, or are about to take one or to end.
    pub working: usize,
    /// Jobs that no thread has taken.
    pub queued: usize,
}

impl ThreadPool {
    /// A pool of `min` to `max` threads, none before [`start`](Self::start). A `max` of nothing counts as
    /// one, and a `min` above `max` as `max`.
    ///
    /// A job that panics costs no thread; the panic hook of the program tells of it, as of any panic.
    pub fn new(min: usize, max: usize) -> Self {
        Self::with_panic_hook(min, max, |_| {})
    }

    /// As [`new`](Self::new), with a function that is told the message of each job that panics, on the
    /// job's thread.
    pub fn with_panic_hook(
        min: usize,
        max: usize,
        on_panic: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let (min, max) = in_order(min, max);
        let state = PoolState {
            min,
            max,
            stage: PoolStage::New,
            threads: Vec::new(),
            refused: VecDeque::new(),
        };
        Self(Arc::new(PoolShared {
            queue: Arc::new(JobQueue::new()),
            on_panic: Arc::new(on_panic),
            name: "ropewalk-pool".to_owned(),
            state: Mutex::new(state),
        }))
    }

    /// The fewest threads while it runs.
    pub fn min(&self) -> usize {
        self.0.lock().min
    }

    /// The most threads.
    pub fn max(&self) -> usize {
        self.0.lock().max
    }

    /// Starts `min` threads, and as many more as there are jobs, up to `max`.
    ///
    /// # Errors
    ///
    /// When it has been stopped, or a thread cannot be started; jobs wait for those that could be.
    pub fn start(&self) -> io::Result<()> {
        self.0.change(|shared, state| {
            if state.stage == PoolStage::Stopped {
                return Err(stopped());
            }
            state.stage = PoolStage::Started;
            shared.fit(state)
        })
    }

    /// Sets the fewest and the most threads, as [`new`](Self::new) takes them.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started.
    pub fn adjust_size(&self, min: usize, max: usize) -> io::Result<()> {
        self.0.change(|shared, state| {
            (state.min, state.max) = in_order(min, max);
            if state.stage == PoolStage::Started { shared.fit(state) } else { Ok(()) }
        })
    }

    /// Has a thread do `work`; before [`start`](Self::start) it waits for that.
    ///
    /// # Errors
    ///
    /// When the pool is stopped, or has no thread and none can be started; `work` is dropped.
    #[doc(alias = "callInThread")]
    pub fn call_in_thread(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let work: PoolWork = Box::new(work);
        self.0.change(|shared, state| {
            let threads_max = match state.stage {
                PoolStage::New => 0,
                PoolStage::Started => state.max,
                PoolStage::Stopped => {
                    state.refused.push_back(work);
                    return Err(stopped());
                }
            };
            match shared.queue.add(work, threads_max) {
                Added::Queued => Ok(()),
                Added::NeedsWorker => shared.start_thread(state),
            }
        })
    }

    /// Has a thread do `work`, and then, on the same thread, `on_result` with its result, or with the
    /// message of its panic.
    ///
    /// # Errors
    ///
    /// As [`call_in_thread`](Self::call_in_thread).
    #[doc(alias = "callInThreadWithCallback")]
    pub fn call_in_thread_with_callback<T>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        on_result: impl FnOnce(Result<T, String>) + Send + 'static,
    ) -> io::Result<()> {
        self.call_in_thread(move || on_result(caught(work)))
    }

    /// The threads and jobs at this moment.
    pub fn counts(&self) -> ThreadPoolCounts {
        let counts = self.0.queue.counts();
        ThreadPoolCounts {
            threads: counts.workers,
            waiting: counts.idle,
            working: counts.workers - counts.idle,
            queued: counts.jobs,
        }
    }

    /// Takes no more work, waits until what was handed in is done, and for the end of the threads. Jobs of a
    /// pool that was never started are dropped. A thread of the pool itself does not wait for its own end.
    pub fn stop(&self) {
        let threads = {
            let mut state = self.0.lock();
            state.stage = PoolStage::Stopped;
            std::mem::take(&mut state.threads)
        };
        self.0.queue.close();
        let own = thread::current().id();
        let is_own = |thread: &JoinHandle<()>| thread.thread().id() == own;
        let (own, others): (Vec<_>, Vec<_>) = threads.into_iter().partition(is_own);
        for thread in others {
            // A thread catches what its jobs throw.
            let _ = thread.join();
        }
        if own.is_empty() {
            // Without a thread nothing has taken them.
            drop(self.0.queue.take_jobs());
        }
    }
}

impl PoolShared {
    /// Changes the state; what that refuses is dropped when the lock is free again.
    fn change<R>(&self, change: impl FnOnce(&Self, &mut PoolState) -> R) -> R {
        let mut state = self.lock();
        let answer = change(self, &mut state);
        let refused = std::mem::take(&mut state.refused);
        drop(state);
        drop(refused);
        answer
    }

    /// Starts the threads that are missing for the size and the jobs.
    fn fit(&self, state: &mut PoolState) -> io::Result<()> {
        let missing = self.queue.resize(state.min, state.max);
        let started: Vec<_> = (0..missing).map(|_| self.start_thread(state)).collect();
        started.into_iter().collect()
    }

    /// Starts a thread that the queue has counted.
    fn start_thread(&self, state: &mut PoolState) -> io::Result<()> {
        let (queue, on_panic) = (Arc::clone(&self.queue), Arc::clone(&self.on_panic));
        let thread = thread::Builder::new().name(self.name.clone()).spawn(move || {
            while let Some(work) = queue.next() {
                if let Err(message) = caught(work) {
                    // Its own panic is nothing that it could be told of.
                    let _ = caught(|| on_panic(&message));
                }
            }
        });
        state.threads.retain(|thread| !thread.is_finished());
        match thread {
            Ok(thread) => {
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                let refused = self.queue.retract();
                let is_refused = !refused.is_empty() || self.queue.counts().workers < state.min;
                state.refused.extend(refused);
                if is_refused { Err(error) } else { Ok(()) }
            }
        }
    }

    /// No job runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PoolShared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (self.min(), self.max());
        f.debug_struct("ThreadPool")
            .field("min", &min)
            .field("max", &max)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

fn in_order(min: usize, max: usize) -> (usize, usize) {
    let max = max.max(1);
    (min.min(max), max)
}

fn stopped() -> io::Error {
    io::Error::other("cannot use a pool of threads that was stopped: make another one")
}

/// Runs a job; its panic is its message.
fn caught<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(job)).map_err(|payload| {
        let message = panic_message(&*payload).to_string();
        // A payload may panic again when it is dropped.
        if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        message
    })
}
