//! The wakers of tasks: from where and how often they wake, and for how long.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use ropewalk_deferred::{Failure, TaskRunner};
use testkit::result_of;

/// A task that is never done, counts its polls, and gives its waker away.
fn counted(runner: &TaskRunner) -> (Rc<Cell<u32>>, Waker) {
    let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
    let (count, own) = (polls.clone(), waker.clone());
    drop(runner.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        own.replace(Some(context.waker().clone()));
        Poll::<Result<(), Failure>>::Pending
    })));
    (polls, waker.take().expect("it was polled"))
}

#[test]
fn the_runner_is_told_once_for_all_that_is_woken_before_the_next_run() {
    let told = Arc::new(AtomicUsize::new(0));
    let tell = told.clone();
    let runner = TaskRunner::with_wake(move || {
        tell.fetch_add(1, Ordering::Relaxed);
    });
    let tasks = [counted(&runner), counted(&runner)];
    for round in 1..4 {
        assert!(!runner.is_ready());
        for (_, waker) in &tasks {
            waker.wake_by_ref();
            assert!(runner.is_ready());
            assert_eq!(told.load(Ordering::Relaxed), round);
        }
        runner.run();
    }
    assert!(tasks.iter().all(|(polls, _)| polls.get() == 4));
}

#[test]
fn the_waker_of_a_task_that_is_gone_does_not_wake_the_one_in_its_place() {
    let runner = TaskRunner::new();
    let gone = Rc::new(RefCell::new(None));
    let own = gone.clone();
    drop(runner.spawn(poll_fn(move |context| {
        own.replace(Some(context.waker().clone()));
        Poll::Ready(Ok::<_, Failure>(()))
    })));
    let (polls, waker) = counted(&runner);
    gone.take().unwrap().wake();
    assert!(runner.is_ready(), "nobody has looked who it is");
    runner.run();
    assert_eq!(polls.get(), 1);
    waker.wake();
    runner.run();
    assert_eq!(polls.get(), 2);
}

#[test]
fn a_task_is_polled_once_however_often_it_was_woken() {
    let runner = TaskRunner::new();
    let (polls, waker) = counted(&runner);
    waker.wake_by_ref();
    waker.wake_by_ref();
    waker.wake();
    assert!(!runner.run());
    assert_eq!(polls.get(), 2);
}

#[test]
fn wakes_from_other_threads_are_told_to_the_runner_and_none_is_lost() {
    const THREADS: usize = 4;
    const WAKES: usize = 2_000;
    let signals = Arc::new((AtomicUsize::new(0), std::thread::current()));
    let told = signals.clone();
    let runner = TaskRunner::with_wake(move || {
        told.0.fetch_add(1, Ordering::Relaxed);
        told.1.unpark();
    });
    let slots: Vec<_> = (0..THREADS).map(|_| Arc::new(Mutex::new((0, None::<Waker>)))).collect();
    let tasks: Vec<_> = slots
        .iter()
        .map(|slot| {
            let slot = slot.clone();
            runner.spawn(poll_fn(move |context| {
                let mut slot = slot.lock().unwrap();
                slot.1 = Some(context.waker().clone());
                match slot.0 == WAKES {
                    true => Poll::Ready(Ok::<_, Failure>(slot.0)),
                    false => Poll::Pending,
                }
            }))
        })
        .collect();
    let wake = |slot: Arc<Mutex<(usize, Option<Waker>)>>| {
        for _ in 0..WAKES {
            let mut slot = slot.lock().unwrap();
            slot.0 += 1;
            let waker = slot.1.clone();
            drop(slot);
            // Cloned, sent and dropped on this thread.
            waker.unwrap().wake();
        }
    };
    let threads: Vec<_> =
        slots.into_iter().map(|slot| std::thread::spawn(move || wake(slot))).collect();
    while !runner.is_empty() {
        if !runner.run() && !runner.is_empty() {
            std::thread::park_timeout(std::time::Duration::from_secs(20));
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for task in tasks {
        assert_eq!(result_of(task).unwrap(), WAKES);
    }
    assert!(signals.0.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_waker_that_outlives_its_runner_wakes_nobody() {
    let guard = Arc::new(());
    let held = guard.clone();
    let runner = TaskRunner::with_wake(move || drop(held.clone()));
    drop(runner.spawn(pending::<Result<(), Failure>>()));
    let (_, waker) = counted(&runner);
    waker.wake_by_ref(); // it stays on the list
    drop(runner);
    assert_eq!(Arc::strong_count(&guard), 1, "the runner's own closure is gone");
    std::thread::spawn(move || waker.wake()).join().unwrap();
}
