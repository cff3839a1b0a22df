//! The queues between threads, run by loom in every order of their steps.
//!
//! loom is a dev-dependency, and the two files are compiled a second time here, by path, with loom's
//! primitives as their `sync`. So the product never depends on loom, has no type parameter and no `cfg` for
//! its sake, and this is a test like any other, not a build of its own with other flags. It stands or falls
//! with the rule in `src/threads/sync.rs`: the queues take all that threads share from there.
//!
//! A thread is taken off the processor twice at most where it could go on: without that bound the orders are
//! too many to be run within minutes, and errors that need more than two such switches are rare.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../src/threads/job_queue.rs"]
mod job_queue;
#[allow(dead_code, reason = "a loop here is never moved to another thread")]
#[path = "../src/threads/remote_queue.rs"]
mod remote_queue;

/// loom's primitives under the names that the queues use.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
    pub(super) use loom::thread::{ThreadId, current};
}

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use job_queue::{Added, JobQueue, QueueCounts};
use remote_queue::RemoteQueue;

/// Runs `scenario` in every order of its steps with two preemptions at most.
fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(scenario);
}

/// The poll of a loop: waits until it is woken, once for each wake-up.
struct Poll {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Poll {
    fn wake(&self) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.changed.wait(woken).unwrap();
        }
        *woken = false;
    }
}

fn queue_with_poll() -> (Arc<RemoteQueue<u8>>, Arc<Poll>) {
    let poll = Arc::new(Poll { woken: Mutex::new(false), changed: Condvar::new() });
    let waker = poll.clone();
    (Arc::new(RemoteQueue::new(Box::new(move || waker.wake()))), poll)
}

/// The loop of a reactor: takes, and waits unless it was woken, until it has seen this many calls.
fn run_loop(queue: &RemoteQueue<u8>, poll: &Poll, calls: usize) -> Vec<u8> {
    let mut seen = Vec::new();
    loop {
        seen.extend(queue.take());
        if seen.len() == calls {
            return seen;
        }
        if !queue.is_woken() {
            poll.wait();
        }
    }
}

#[test]
fn no_call_of_two_threads_is_lost_and_the_loop_never_sleeps_through_one() {
    explore(|| {
        let (queue, poll) = queue_with_poll();
        let threads = [1, 2].map(|call| {
            let queue = queue.clone();
            thread::spawn(move || queue.push(call).unwrap())
        });
        let mut seen = run_loop(&queue, &poll, 2);
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn the_calls_of_one_thread_keep_their_order_and_those_of_the_loop_itself_are_seen() {
    explore(|| {
        let (queue, poll) = queue_with_poll();
        let pusher = {
            let queue = queue.clone();
            thread::spawn(move || {
                queue.push(1).unwrap();
                queue.push(2).unwrap();
            })
        };
        queue.push(9).unwrap();
        let seen = run_loop(&queue, &poll, 3);
        let others: Vec<u8> = seen.iter().copied().filter(|call| *call != 9).collect();
        assert_eq!(others, [1, 2]);
        pusher.join().unwrap();
    });
}

#[test]
fn a_call_that_is_waited_for_and_meets_the_end_of_a_run_is_run_taken_out_or_refused() {
    explore(|| {
        let (queue, _poll) = queue_with_poll();
        let pusher = {
            let queue = queue.clone();
            thread::spawn(move || {
                queue.push(1).unwrap();
                usize::from(queue.push_awaited(2).is_err())
            })
        };
        let run = queue.take();
        let taken_out = queue.end_run();
        let refused = pusher.join().unwrap();
        let count = |calls: &[u8], wanted| calls.iter().filter(|call| **call == wanted).count();
        assert_eq!(count(&run, 2) + taken_out.len() + refused, 1);
        assert!(taken_out.iter().all(|call| *call == 2));
        assert_eq!(queue.push_awaited(3), Err(3), "no run has begun");
        queue.begin_run();
        queue.push_awaited(4).unwrap();
        let later = queue.take();
        assert_eq!(count(&run, 1) + count(&later, 1), 1, "no thread waits for it");
        assert_eq!(later.last(), Some(&4));
    });
}

#[test]
fn a_call_that_meets_the_end_of_the_reactor_is_taken_by_it_or_handed_back_never_both() {
    explore(|| {
        let (queue, _poll) = queue_with_poll();
        let pusher = {
            let queue = queue.clone();
            thread::spawn(move || queue.push(1).is_err())
        };
        let taken = queue.close().len();
        let handed_back = usize::from(pusher.join().unwrap());
        assert_eq!(taken + handed_back, 1);
        assert_eq!(queue.push(2), Err(2));
    });
}

/// Adds a job, and starts a worker for it if the queue asks for one.
fn submit(
    queue: &Arc<JobQueue<usize>>,
    job: usize,
    workers_max: usize,
    done: &Arc<AtomicUsize>,
) -> Option<thread::JoinHandle<()>> {
    match queue.add(job, workers_max) {
        Added::Queued => None,
        Added::NeedsWorker => {
            let (queue, done) = (queue.clone(), done.clone());
            Some(thread::spawn(move || {
                while let Some(job) = queue.next() {
                    done.fetch_add(job, Ordering::Relaxed);
                }
            }))
        }
    }
}

#[test]
fn each_job_is_done_once_and_all_workers_end_after_close() {
    for workers_max in [1, 2] {
        explore(move || {
            let queue = Arc::new(JobQueue::new());
            let done = Arc::new(AtomicUsize::new(0));
            let workers = [1, 10].map(|job| submit(&queue, job, workers_max, &done));
            queue.close();
            let started =
                workers.into_iter().flatten().map(|worker| worker.join().unwrap()).count();
            assert!((1..=workers_max).contains(&started));
            assert_eq!(done.load(Ordering::Relaxed), 11);
        });
    }
}

#[test]
fn a_job_without_a_thread_is_done_by_the_other_worker_or_handed_back() {
    explore(|| {
        let queue = Arc::new(JobQueue::new());
        let done = Arc::new(AtomicUsize::new(0));
        let worker = submit(&queue, 1, 2, &done).unwrap();
        let handed_back = match queue.add(10, 2) {
            Added::Queued => 0,
            Added::NeedsWorker => queue.retract().into_iter().sum(),
        };
        queue.close();
        worker.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed) + handed_back, 11);
    });
}

#[test]
fn jobs_that_waited_for_workers_are_done_by_them_though_one_of_them_is_dismissed() {
    explore(|| {
        let queue = Arc::new(JobQueue::new());
        let done = Arc::new(AtomicUsize::new(0));
        // No worker may be started for them yet.
        assert_eq!((queue.add(1, 0), queue.add(10, 0)), (Added::Queued, Added::Queued));
        assert_eq!(queue.counts(), QueueCounts { workers: 0, idle: 0, jobs: 2 });
        let workers: Vec<_> = (0..queue.resize(0, 2))
            .map(|_| {
                let (queue, done) = (queue.clone(), done.clone());
                thread::spawn(move || {
                    while let Some(job) = queue.next() {
                        done.fetch_add(job, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        assert_eq!(workers.len(), 2);
        assert_eq!(queue.resize(0, 1), 0);
        queue.close();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(done.load(Ordering::Relaxed), 11);
        assert_eq!(queue.counts(), QueueCounts { workers: 0, idle: 0, jobs: 0 });
        assert!(queue.take_jobs().is_empty());
    });
}

#[test]
fn a_job_that_is_taken_back_is_done_by_a_worker_or_had_back_never_both() {
    explore(|| {
        let queue = Arc::new(JobQueue::new());
        let done = Arc::new(AtomicUsize::new(0));
        let worker = submit(&queue, 1, 1, &done).unwrap();
        assert!(submit(&queue, 10, 1, &done).is_none());
        let taking = queue.clone();
        let taker = thread::spawn(move || taking.withdraw(|job| *job == 10).unwrap_or(0));
        let taken = taker.join().unwrap() + queue.withdraw(|job| *job == 10).unwrap_or(0);
        assert!(matches!(taken, 0 | 10));
        queue.close();
        worker.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed) + taken, 11);
    });
}
