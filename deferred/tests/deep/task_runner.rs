//! Rows of tasks that would overflow a small stack if one of them ran or ended inside another.

use std::future::IntoFuture;

use crate::support::reports;
use ropewalk_deferred::{Cancelled, Deferred, Promise, TaskRunner};

const TASKS: usize = 100_000;

/// In a thread with 256 KiB of stack.
fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(f);
    thread.expect("a thread").join().expect("no panic");
}

/// Tasks that each await the one before, and the promise that the first one awaits.
fn row(runner: &TaskRunner) -> (Deferred<usize, Cancelled>, Promise<usize, Cancelled>) {
    let (mut last, promise) = Deferred::<usize, Cancelled>::new();
    for _ in 0..TASKS {
        let before = last;
        last = runner.spawn(async move { Ok(before.await? + 1) });
    }
    (last, promise)
}

#[test]
fn a_long_row_of_tasks_runs_to_its_end() {
    on_a_small_stack(|| {
        let runner = TaskRunner::new();
        let (last, promise) = row(&runner);
        promise.callback(0);
        while runner.run() {}
        assert_eq!(last.try_into_result().unwrap(), Ok(TASKS));
        assert!(runner.is_empty());
    });
}

#[test]
fn a_long_row_of_tasks_is_dropped_with_its_runner() {
    on_a_small_stack(|| {
        let reported = reports(|| {
            let runner = TaskRunner::new();
            let (last, promise) = row(&runner);
            drop(runner);
            assert!(promise.is_cancelled());
            assert_eq!(last.try_into_result().unwrap(), Err(Cancelled));
        });
        assert!(reported.is_empty(), "{reported:?}");
    });
}

#[test]
fn a_hundred_thousand_tasks_are_cancelled_one_by_one() {
    on_a_small_stack(|| {
        let runner = TaskRunner::new();
        let waits: Vec<_> = (0..TASKS).map(|_| Deferred::<(), Cancelled>::new()).collect();
        let (deferreds, promises): (Vec<_>, Vec<_>) = waits.into_iter().unzip();
        let tasks: Vec<_> =
            deferreds.into_iter().map(|deferred| runner.spawn(deferred.into_future())).collect();
        tasks.iter().for_each(|task| task.cancel_handle().cancel());
        assert!(promises.iter().all(Promise::is_cancelled));
        assert!(!runner.run());
        assert!(tasks.into_iter().all(|task| task.try_into_result().unwrap() == Err(Cancelled)));
    });
}
