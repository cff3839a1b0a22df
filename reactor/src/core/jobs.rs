//! Blocking work on the pool's threads; Twisted's `deferToThreadPool`.
//!
//! A worker sends the outcome home through the queue of remote calls. Invariant: each `done` runs at
//! most once, on the reactor's thread, from its turn.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use interfaces::{ReactorEvent, ThreadOutcome, panic_message};

use super::Core;
use super::foreign::drop_quietly;
use super::remote_calls::RemoteCall;
use super::stage::Stage;
use crate::sys::StreamSys;
use crate::threads::jobs::{AtTheEnd, Done};
use crate::threads::pool::{Job, RefusedJobs, Work};
use crate::threads::remote_queue::RemoteQueue;
use crate::threads::thread_pool::ThreadPool;

impl<S: StreamSys> Core<S> {
    /// Has a thread of the pool do `work`, and calls `done` with the outcome on the reactor's thread.
    /// Returns the number of the job.
    pub(crate) fn call_in_thread(&self, work: Work, done: Done, at_the_end: AtTheEnd) -> u64 {
        let number = self.jobs.add(done);
        let remote = Arc::clone(&self.remote_queue);
        let core = self.me.clone();
        let work: Work = Box::new(move || {
            let outcome = outcome_of(work);
            drop(remote.push(Box::new(move |core| core.job_ended(number, outcome))));
        });
        self.when_running(Box::new(move || {
            if let Some(core) = core.upgrade() {
                core.submit(Job { number, work }, at_the_end);
            }
        }));
        number
    }

    /// Has another thread do a job that is [cut off](AtTheEnd::CutOff), where `is_short` says so there and
    /// all threads for such jobs have others.
    pub(crate) fn pass_if_short(&self, number: u64, is_short: Box<dyn FnOnce() -> bool + Send>) {
        let core = self.me.clone();
        self.when_running(Box::new(move || {
            if let Some(core) = core.upgrade() {
                core.jobs.pass_if_short(number, is_short);
            }
        }));
    }

    /// Drops a job that is [cut off](AtTheEnd::CutOff) and its callback, if no thread has begun it.
    pub(crate) fn withdraw(&self, number: u64) {
        let withdrawn = self.jobs.withdraw(number);
        self.drop_guarded("work of a thread", withdrawn);
    }

    /// Has a thread of the program's own pool do `work`, now, and calls `done` as
    /// [`call_in_thread`](Self::call_in_thread) does.
    pub(crate) fn call_in_pool(&self, pool: &ThreadPool, work: Work, done: Done) {
        let remote = Arc::clone(&self.remote_queue);
        let answer = JobAnswer::<S> { number: self.jobs.add(done), remote, outcome: None };
        // A job that the pool does not take is dropped, and its answer says so.
        drop(pool.call_in_thread(move || answer.tell(outcome_of(work))));
    }

    /// A job that no thread can take is refused through the queue of remote calls, so that `done` never
    /// runs inside the call that asked for it.
    fn submit(&self, Job { number, work }: Job, at_the_end: AtTheEnd) {
        self.jobs.begin(number, at_the_end);
        let Some(work) = self.sys.take_work(work) else { return };
        let job = Job { number, work };
        let Err(RefusedJobs { jobs, error }) = self.jobs.submit(job, at_the_end) else { return };
        let attempt = "starting a thread for blocking work";
        self.observe(&ReactorEvent::Failed { attempt, error: &error });
        for Job { number, work } in jobs {
            self.drop_guarded("work of a thread", work);
            let outcome = ThreadOutcome::Refused(format!(
                "no thread could be started for it, and the pool has none: {error}"
            ));
            let told: RemoteCall<S> = Box::new(move |core| core.job_ended(number, outcome));
            drop(self.remote_queue.push(told));
        }
    }

    fn job_ended(&self, number: u64, outcome: ThreadOutcome) {
        let done = self.jobs.take(number);
        if let Some(done) = done {
            drop(self.call("work of a thread", None, || done(outcome)));
        }
        if self.run_state.stage() == Stage::Stopped {
            // The end of the run may wait for this job alone, in the poll of this very turn.
            self.remote_queue.wake();
        }
    }
}

/// Sends the outcome of a job home when it is dropped: of one that never ran, too.
struct JobAnswer<S: StreamSys> {
    number: u64,
    remote: Arc<RemoteQueue<RemoteCall<S>>>,
    outcome: Option<ThreadOutcome>,
}

impl<S: StreamSys> JobAnswer<S> {
    fn tell(mut self, outcome: ThreadOutcome) {
        self.outcome = Some(outcome);
    }
}

impl<S: StreamSys> Drop for JobAnswer<S> {
    fn drop(&mut self) {
        let number = self.number;
        let outcome = self.outcome.take().unwrap_or_else(|| {
            ThreadOutcome::Refused("its pool was stopped, or has no thread".to_owned())
        });
        drop(self.remote.push(Box::new(move |core| core.job_ended(number, outcome))));
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

#[cfg(test)]
mod tests;
