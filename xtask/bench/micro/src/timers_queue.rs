//! A million boxed callbacks in `tokio_util::time::DelayQueue`: tokio's timer wheel on a slab, which
//! stores a value with each timer and returns it when it is due. Users of tokio take it for many timers
//! with a value each. It is the peer with the operations of ours: it stores the callback, returns a key
//! for it, resets and removes by key, and returns due callbacks.
//!
//! Invariant: one task owns the queue and runs the due callbacks, as in a program.

use std::cell::Cell;
use std::error::Error;
use std::future::poll_fn;
use std::rc::Rc;
use std::thread;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use crate::numbers::{Numbers, SOON, Stopwatch, TIMERS, memory};

type QueuedCall = Box<dyn FnOnce()>;

pub(crate) fn measure() -> Result<Value, Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(measured())
}

async fn measured() -> Result<Value, Box<dyn Error>> {
    let mut numbers = Numbers::new();
    let ran = Rc::new(Cell::new(0_usize));
    let mut queue: DelayQueue<QueuedCall> = DelayQueue::new();
    let mut keys = Vec::with_capacity(TIMERS);
    let insert = |queue: &mut DelayQueue<QueuedCall>, keys: &mut Vec<Key>, delay| {
        let ran = Rc::clone(&ran);
        keys.push(queue.insert(Box::new(move || ran.set(ran.get() + 1)), delay));
    };
    // A running program always has some pending call.
    queue.insert(Box::new(|| {}), SOON * 1000);
    // The first timers take fresh memory from the system; the list of keys does not count.
    let before = memory()?;
    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut queue, &mut keys, delay);
    }
    let first_inserted = watch.each();
    let grown = (memory()? - before) as f64 / TIMERS as f64;
    let bytes = grown - size_of::<Key>() as f64;
    for key in keys.drain(..) {
        drop(queue.remove(&key));
    }

    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut queue, &mut keys, delay);
    }
    let inserted = watch.each();

    numbers.shuffle(&mut keys);
    let watch = Stopwatch::start();
    for key in &keys {
        queue.reset(key, numbers.long_delay());
    }
    let reset = watch.each();

    // Shuffled, as the insertion order would visit neighbours in memory.
    numbers.shuffle(&mut keys);
    let watch = Stopwatch::start();
    for key in keys.drain(..) {
        drop(queue.remove(&key));
    }
    let cancelled = watch.each();

    for _ in 0..TIMERS {
        let delay = numbers.short_delay();
        insert(&mut queue, &mut keys, delay);
    }
    drop(keys);
    thread::sleep(SOON);
    let watch = Stopwatch::start();
    while ran.get() < TIMERS {
        let expired = poll_fn(|context| queue.poll_expired(context)).await;
        let call = expired.ok_or("the queue is empty too early")?.into_inner();
        call();
    }
    let fired = watch.each();
    Ok(json!({
        "first_insert": first_inserted,
        "insert": inserted,
        "reset": reset,
        "cancel": cancelled,
        "fire": fired,
        "bytes": bytes,
    }))
}
