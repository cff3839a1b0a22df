//! A million boxed callbacks in `tokio_util::time::DelayQueue`: tokio's wheel, on a slab, which holds
//! a value with each timer and gives it back when the time has come. It is what tokio's users take
//! who have many timers with something to each, and the peer that has what ours has: it keeps the
//! callback, gives a key for it, has a method for all that is measured, and hands out what is due.
//!
//! Invariant: one task has the queue and calls what it gives, as a program would write it.

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
    // In a program that runs some call is always pending.
    queue.insert(Box::new(|| {}), SOON * 1000);
    // The first ones take fresh memory from the system; what the list of keys takes is no timer.
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

    // Another order, as the neighbours in a list are now those of the old one.
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
