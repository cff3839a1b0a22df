//! A bounded pool of threads for what blocks; Twisted's `ThreadPool` and `callInThread`.
//!
//! Workers start when there is work, and end when there was none for a while. They never see the
//! reactor: a worker sends its outcome home through [`Remote`](crate::Remote).
//! Invariant: there are never more workers than the limit, and each `done` runs once, on the
//! reactor's thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use interfaces::ThreadOutcome;

use crate::core::Core;
use crate::core::foreign::{drop_quietly, panic_message};
use crate::sys::Sys;
use crate::threads::remote::Remote;

type Work = Box<dyn FnOnce() + Send>;
type Done = Box<dyn FnOnce(ThreadOutcome)>;

/// How long a worker without work stays.
const IDLE_WORKER_STAYS: Duration = Duration::from_secs(5);

/// The work that a reactor gave away.
pub(crate) struct Works {
    pool: RefCell<Option<Arc<Pool>>>,
    /// By a number that no other work ever has: its outcome may come when it was let go of.
    pending: RefCell<VecDeque<(u64, Done)>>,
    next_number: Cell<u64>,
    threads_max: Cell<usize>,
}

/// What the workers share.
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    workers: usize,
    idle: usize,
    closed: bool,
}

impl Default for Works {
    fn default() -> Self {
        let pending = RefCell::default();
        let next_number = Cell::new(0);
        Self { pool: RefCell::default(), pending, next_number, threads_max: Cell::new(10) }
    }
}

impl Works {
    pub(crate) fn set_threads_max(&self, threads: usize) {
        self.threads_max.set(threads.max(1));
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Takes what was to be told of a work. The numbers ascend, and most works are done about in
    /// the order in which they were given away, so little is moved.
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

    /// Takes what was to be told; the caller drops it with nothing borrowed.
    pub(crate) fn take_all(&self) -> Vec<Done> {
        self.pending.take().into_iter().map(|(_, done)| done).collect()
    }

    /// Idle workers end; one that works ends when its work is done, and nobody waits for it.
    pub(crate) fn close(&self) {
        if let Some(pool) = self.pool.take() {
            pool.lock().closed = true;
            pool.changed.notify_all();
        }
    }

    fn pool(&self) -> Arc<Pool> {
        let mut pool = self.pool.borrow_mut();
        let make = || Arc::new(Pool { state: Mutex::default(), changed: Condvar::new() });
        Arc::clone(pool.get_or_insert_with(make))
    }
}

impl Drop for Works {
    fn drop(&mut self) {
        self.close();
    }
}

impl<S: Sys> Core<S> {
    pub(crate) fn call_in_thread(&self, work: Work, done: Done) {
        let number = self.works.add(done);
        let remote = Remote::new(&self.shared);
        let core = self.me.clone();
        let report = move |outcome: ThreadOutcome| {
            remote.call_from_thread(move |reactor| reactor.core().work_done(number, outcome));
        };
        let work: Work = Box::new(move || report(outcome_of(work)));
        self.when_running(Box::new(move || {
            if let Some(core) = core.upgrade() {
                core.works.pool().submit(work, core.works.threads_max.get());
            }
        }));
    }

    fn work_done(&self, number: u64, outcome: ThreadOutcome) {
        let done = self.works.take(number);
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
            // What was thrown may panic again when it is dropped; the worker lives on.
            drop_quietly(payload);
            ThreadOutcome::Panicked(message)
        }
    }
}

impl Pool {
    fn submit(self: Arc<Self>, work: Work, threads_max: usize) {
        let mut state = self.lock();
        state.queue.push_back(work);
        if state.idle >= state.queue.len() || state.workers >= threads_max {
            drop(state);
            self.changed.notify_one();
            return;
        }
        state.workers += 1;
        drop(state);
        let pool = Arc::clone(&self);
        let name = "ropewalk-worker".to_owned();
        let spawned = thread::Builder::new().name(name).spawn(move || pool.work());
        if spawned.is_err() {
            self.without_a_thread();
        }
    }

    /// No thread could be started. Another worker will do the work; if there is none, it is done
    /// here and now, late being better than never.
    fn without_a_thread(&self) {
        let mut state = self.lock();
        state.workers -= 1;
        let work = if state.workers == 0 { state.queue.pop_front() } else { None };
        drop(state);
        if let Some(work) = work {
            work();
        }
    }

    fn work(&self) {
        while let Some(work) = self.next_work() {
            work();
        }
    }

    fn next_work(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.queue.pop_front() {
                return Some(work);
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, waited) = self
                .changed
                .wait_timeout(state, IDLE_WORKER_STAYS)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.workers -= 1;
        None
    }

    /// No work runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
