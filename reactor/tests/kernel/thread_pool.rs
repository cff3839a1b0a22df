//! A pool of threads of the program's own.
//!
//! Invariant: what is waited for is counted by the pool or sent by a job, and never timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use interfaces::{ReactorCore as _, ReactorThreads as _, ThreadOutcome};
use ropewalk_reactor::{Reactor, ThreadPool, ThreadPoolCounts};

use crate::support::PATIENCE;

/// Waits until the pool has these numbers of threads, of waiting ones, and of working ones.
fn until(pool: &ThreadPool, want: [usize; 3]) {
    let end = Instant::now() + PATIENCE;
    loop {
        let ThreadPoolCounts { threads, waiting, working, .. } = pool.counts();
        if [threads, waiting, working] == want {
            return;
        }
        assert!(Instant::now() < end, "waited in vain for {want:?}: {pool:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn receive<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(PATIENCE).unwrap()
}

/// A job that says that it runs, and waits until it may end.
fn blocking(pool: &ThreadPool) -> (Receiver<ThreadId>, Sender<()>) {
    let ((runs, is_running), (release, released)) = (channel(), channel::<()>());
    let work = move || {
        runs.send(thread::current().id()).unwrap();
        let _ = released.recv();
    };
    pool.call_in_thread(work).unwrap();
    (is_running, release)
}

#[test]
fn the_sizes_are_those_that_were_asked_for() {
    let pool = ThreadPool::new(12, 22);
    assert_eq!((pool.min(), pool.max()), (12, 22));
    pool.adjust_size(1, 2).unwrap();
    assert_eq!((pool.min(), pool.max()), (1, 2));
    let odd = ThreadPool::new(5, 0);
    assert_eq!((odd.min(), odd.max()), (1, 1));
}

#[test]
fn a_start_starts_as_many_threads_as_there_are_at_least() {
    for min in [0, 3] {
        let pool = ThreadPool::new(min, 10);
        assert_eq!(pool.counts(), ThreadPoolCounts::default());
        pool.start().unwrap();
        assert_eq!(pool.counts().threads, min);
        until(&pool, [min, min, 0]);
        pool.stop();
        assert_eq!(pool.counts().threads, 0);
    }
}

#[test]
fn each_job_runs_once() {
    let pool = ThreadPool::new(0, 4);
    pool.start().unwrap();
    let runs: Arc<[AtomicUsize; 10]> = Arc::default();
    for number in 0..10 {
        let runs = runs.clone();
        let work = move || {
            runs[number].fetch_add(1, Ordering::SeqCst);
        };
        pool.call_in_thread(work).unwrap();
    }
    pool.stop();
    assert!(runs.iter().all(|count| count.load(Ordering::SeqCst) == 1));
}

#[test]
fn a_job_that_panics_is_told_once_and_its_thread_goes_on() {
    let (told, messages) = channel();
    let pool = ThreadPool::with_panic_hook(1, 1, move |message| {
        told.send(message.to_owned()).unwrap();
        panic!("the hook panics, too");
    });
    pool.start().unwrap();
    let (first, one) = channel();
    pool.call_in_thread(move || first.send(thread::current().id()).unwrap()).unwrap();
    pool.call_in_thread(|| panic!("as planned")).unwrap();
    let (second, other) = channel();
    pool.call_in_thread(move || second.send(thread::current().id()).unwrap()).unwrap();
    assert_eq!(receive(&one), receive(&other));
    pool.stop();
    drop(pool);
    assert_eq!(messages.iter().collect::<Vec<_>>(), ["as planned"]);
}

#[test]
fn a_result_is_told_on_the_thread_of_its_job() {
    let pool = ThreadPool::new(0, 1);
    pool.start().unwrap();
    for fails in [false, true] {
        let (told, results) = channel();
        let work = move || {
            assert!(!fails, "as planned");
            thread::current().id()
        };
        let on_result = move |result| told.send((result, thread::current().id())).unwrap();
        pool.call_in_thread_with_callback(work, on_result).unwrap();
        let (result, thread) = receive(&results);
        assert_ne!(thread, thread::current().id());
        let want = if fails { Err("as planned".to_owned()) } else { Ok(thread) };
        assert_eq!(result, want);
    }
    pool.stop();
}

#[test]
fn jobs_from_before_the_start_run_on_as_many_threads_as_needed_and_allowed() {
    for (jobs, max, threads) in [(5, 10, 5), (50, 10, 10)] {
        let pool = ThreadPool::new(0, max);
        let jobs: Vec<_> = (0..jobs).map(|_| blocking(&pool)).collect();
        assert_eq!((pool.counts().threads, pool.counts().queued), (0, jobs.len()));
        pool.start().unwrap();
        assert_eq!(pool.counts().threads, threads);
        let (running, waiting) = jobs.split_at(threads);
        for (is_running, _) in running {
            receive(is_running);
        }
        assert!(waiting.iter().all(|(is_running, _)| is_running.try_recv().is_err()));
        for (is_running, release) in jobs {
            drop(release);
            let _ = is_running.recv();
        }
        pool.stop();
    }
}

#[test]
fn a_thread_is_at_work_while_its_job_runs_and_waits_afterwards() {
    let pool = ThreadPool::new(0, 1);
    pool.start().unwrap();
    assert_eq!(pool.counts().threads, 0);
    let (is_running, release) = blocking(&pool);
    receive(&is_running);
    until(&pool, [1, 0, 1]);
    // It stays, however long the test is kept from looking.
    pool.adjust_size(1, 1).unwrap();
    drop(release);
    until(&pool, [1, 1, 0]);
    pool.stop();
}

#[test]
fn jobs_that_wait_for_a_later_one_do_not_keep_it_from_running() {
    let pool = ThreadPool::new(0, 5);
    pool.start().unwrap();
    let (done, is_done) = channel();
    for _ in 0..100 {
        let waits: Vec<_> = (0..4).map(|_| blocking(&pool)).collect();
        let (releases, done) = (waits.into_iter().map(|(_, release)| release), done.clone());
        let releases: Vec<_> = releases.collect();
        // It lets the others go, which have four of the five threads.
        let work = move || {
            drop(releases);
            done.send(()).unwrap();
        };
        pool.call_in_thread(work).unwrap();
        receive(&is_done);
    }
    pool.stop();
}

#[test]
fn a_pool_that_was_stopped_takes_no_work_and_one_that_was_not_started_drops_it() {
    let pool = ThreadPool::new(0, 1);
    let (kept, is_kept) = channel::<()>();
    pool.call_in_thread(move || kept.send(()).unwrap()).unwrap();
    pool.stop();
    assert!(is_kept.try_recv().is_err());
    assert!(pool.call_in_thread(|| unreachable!("it was stopped")).is_err());
    assert!(pool.start().is_err());
}

#[test]
fn a_smaller_pool_has_fewer_threads_and_a_larger_one_more() {
    let pool = ThreadPool::new(4, 4);
    pool.start().unwrap();
    until(&pool, [4, 4, 0]);
    pool.adjust_size(1, 1).unwrap();
    until(&pool, [1, 1, 0]);
    pool.adjust_size(3, 3).unwrap();
    until(&pool, [3, 3, 0]);
    pool.stop();
}

#[test]
fn a_job_may_stop_its_own_pool() {
    let pool = ThreadPool::new(1, 1);
    pool.start().unwrap();
    let (inner, (done, is_done)) = (pool.clone(), channel());
    let work = move || {
        inner.stop();
        done.send(()).unwrap();
    };
    pool.call_in_thread(work).unwrap();
    receive(&is_done);
    until(&pool, [0, 0, 0]);
}

#[test]
fn work_of_a_reactor_on_such_a_pool_is_told_on_the_reactors_thread() {
    let reactor = Reactor::new().unwrap();
    let pool = ThreadPool::new(0, 1);
    let threads = reactor.with_thread_pool(&pool);
    let (told, outcomes) = channel();
    for stop in [false, true] {
        let (stopper, told) = (reactor.clone(), told.clone());
        let done = Box::new(move |outcome| {
            told.send((outcome, thread::current().id())).unwrap();
            if stop {
                stopper.stop().unwrap();
            }
        });
        threads.call_in_thread(Box::new(move || assert!(!stop, "as planned")), done);
    }
    pool.start().unwrap();
    reactor.run().unwrap();
    let here = thread::current().id();
    assert_eq!(receive(&outcomes), (ThreadOutcome::Done, here));
    assert_eq!(receive(&outcomes), (ThreadOutcome::Panicked("as planned".to_owned()), here));
    pool.stop();

    let stopper = reactor.clone();
    let done = move |outcome| {
        told.send((outcome, thread::current().id())).unwrap();
        stopper.stop().unwrap();
    };
    threads.call_in_thread(Box::new(|| unreachable!("it was stopped")), Box::new(done));
    reactor.run().unwrap();
    assert!(matches!(receive(&outcomes), (ThreadOutcome::Refused(_), thread) if thread == here));
}
