//! The ready queue of tasks under loom, which tries the orders in which the threads can take their
//! steps.
//!
//! Invariant: the code that runs here is the crate's own file, with loom's atomics.

extern crate alloc;

mod wake;

use alloc::boxed::Box;

use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use wake::ready_queue::{QueueHook, Queued, ReadyQueue};

/// A task that counts.
struct Task {
    hook: QueueHook<Task>,
    polls: AtomicUsize,
    /// The input that a poll finds.
    input: AtomicUsize,
    seen: AtomicUsize,
}

impl Queued for Task {
    fn hook(&self) -> &QueueHook<Self> {
        &self.hook
    }
}

impl Task {
    fn new() -> Arc<Self> {
        let [polls, input, seen] = [0; 3].map(AtomicUsize::new);
        Arc::new(Task { hook: QueueHook::new(), polls, input, seen })
    }
}

/// A queue, and how often its owner was woken.
struct Runner {
    queue: ReadyQueue<Task>,
    wakes: Arc<AtomicUsize>,
}

impl Runner {
    fn new() -> Arc<Self> {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = wakes.clone();
        let queue = ReadyQueue::new(Box::new(move || _ = counted.fetch_add(1, Ordering::Relaxed)));
        Arc::new(Runner { queue, wakes })
    }

    /// What the waker of a task does.
    fn wake(&self, task: &Arc<Task>) {
        if task.hook.becomes_woken() {
            self.queue.push(task.clone());
        }
    }

    /// What a run does; returns how many tasks it has polled.
    fn run(&self) -> usize {
        let batch = self.queue.take();
        let mut polled = 0;
        while let Some(task) = batch.pop() {
            task.hook.clear_woken();
            task.polls.fetch_add(1, Ordering::Relaxed);
            task.seen.store(task.input.load(Ordering::Relaxed), Ordering::Relaxed);
            polled += 1;
        }
        assert!(batch.is_empty());
        polled
    }
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn tasks_that_two_threads_wake_are_polled_once_each_and_each_batch_wakes_its_runner_once() {
    check(|| {
        let (runner, tasks) = (Runner::new(), [Task::new(), Task::new()]);
        let threads = tasks.clone().map(|task| {
            let runner = runner.clone();
            thread::spawn(move || runner.wake(&task))
        });
        let first = runner.run();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(runner.queue.is_empty(), first == 2);
        let second = runner.run();
        assert_eq!(first + second, 2);
        let polls = tasks.map(|task| task.polls.load(Ordering::Relaxed));
        assert_eq!(polls, [1, 1]);
        let batches = usize::from(first > 0) + usize::from(second > 0);
        assert_eq!(runner.wakes.load(Ordering::Relaxed), batches);
    });
}

#[test]
fn a_wake_while_the_task_is_queued_or_polled_is_not_lost_and_its_poll_sees_what_came_before() {
    check(|| {
        let (runner, task) = (Runner::new(), Task::new());
        runner.wake(&task);
        let (waker, woken) = (runner.clone(), task.clone());
        let thread = thread::spawn(move || {
            woken.input.store(1, Ordering::Relaxed);
            waker.wake(&woken);
        });
        let first = runner.run();
        thread.join().unwrap();
        let second = runner.run();
        assert_eq!(first, 1);
        assert!(second <= 1);
        assert_eq!(task.seen.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_task_that_two_threads_wake_at_once_is_in_the_queue_once() {
    check(|| {
        let (runner, task) = (Runner::new(), Task::new());
        let threads = [(); 2].map(|()| {
            let (runner, task) = (runner.clone(), task.clone());
            thread::spawn(move || runner.wake(&task))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(task.hook.is_woken());
        assert_eq!(runner.run(), 1);
        assert!(runner.queue.is_empty() && !task.hook.is_woken());
    });
}

#[test]
fn tasks_that_are_never_polled_are_freed_with_their_queue() {
    check(|| {
        let (runner, task) = (Runner::new(), Task::new());
        let (waker, woken) = (runner.clone(), task.clone());
        let thread = thread::spawn(move || waker.wake(&woken));
        let batch = runner.queue.take();
        thread.join().unwrap();
        drop(runner);
        batch.swap(&wake::ready_queue::ReadyBatch::new());
        drop(batch);
        assert_eq!(Arc::strong_count(&task), 1);
    });
}
