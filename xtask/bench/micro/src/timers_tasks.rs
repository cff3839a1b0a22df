//! A million calls on tokio's clock as its users write them: a task each, which sleeps and then calls.
//! `timers_tokio` measures a `Sleep` alone.
//!
//! Invariant: every task has run up to its sleep before the measured time ends.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;

use crate::numbers::{Numbers, SOON, Stopwatch, TIMERS, memory};

/// The progress of the tasks.
#[derive(Default)]
struct Counts {
    asleep: AtomicUsize,
    called: AtomicUsize,
}

pub(crate) fn measure() -> Result<Value, Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(measured())
}

async fn measured() -> Result<Value, Box<dyn Error>> {
    let mut numbers = Numbers::new();
    let mut tasks = Vec::with_capacity(TIMERS);
    // The first timers take fresh memory from the system; the list itself does not count.
    let before = memory()?;
    let first_inserted = insert(&mut tasks, || numbers.long_delay()).await.0;
    let grown = (memory()? - before) as f64 / TIMERS as f64;
    let bytes = grown - size_of::<JoinHandle<()>>() as f64;
    cancel(&mut tasks).await;

    let inserted = insert(&mut tasks, || numbers.long_delay()).await.0;
    numbers.shuffle(&mut tasks);
    let cancelled = cancel(&mut tasks).await;

    let (_, counts) = insert(&mut tasks, || numbers.short_delay()).await;
    thread::sleep(SOON);
    let watch = Stopwatch::start();
    while counts.called.load(Ordering::Relaxed) < TIMERS {
        // The wheel turns when the thread would wait.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let fired = watch.each();
    Ok(json!({
        "first_insert": first_inserted,
        "insert": inserted,
        "cancel": cancelled,
        "fire": fired,
        "bytes": bytes,
    }))
}

async fn insert(
    tasks: &mut Vec<JoinHandle<()>>,
    mut delay: impl FnMut() -> Duration,
) -> (f64, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let (delay, counts) = (delay(), Arc::clone(&counts));
        tasks.push(tokio::spawn(async move {
            counts.asleep.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(delay).await;
            counts.called.fetch_add(1, Ordering::Relaxed);
        }));
    }
    while counts.asleep.load(Ordering::Relaxed) < TIMERS {
        tokio::task::yield_now().await;
    }
    (watch.each(), counts)
}

/// Aborts all tasks, and waits until they are dropped.
async fn cancel(tasks: &mut Vec<JoinHandle<()>>) -> f64 {
    let watch = Stopwatch::start();
    for task in tasks.iter() {
        task.abort();
    }
    for task in tasks.drain(..) {
        // An aborted task returns an error.
        drop(task.await);
    }
    watch.each()
}
