//! A million calls on tokio's clock: a pinned `Sleep` and a boxed closure each, without a task, so that
//! only the timer wheel and the two boxes are measured. Due calls run in their order of creation, which
//! saves cache misses, and no task is woken. So this is a bound for any design on tokio's driver, not a
//! way to schedule calls; `timers_queue` and `timers_tasks` are.
//!
//! Invariant: each `Sleep` is polled once when it is created, which inserts it into the wheel.

use std::cell::Cell;
use std::error::Error;
use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::time::Sleep;

use crate::numbers::{Numbers, SOON, Stopwatch, TIMERS, memory};

struct SleepingCall {
    sleep: Pin<Box<Sleep>>,
    call: Box<dyn FnOnce()>,
}

impl SleepingCall {
    fn new(delay: Duration, call: impl FnOnce() + 'static) -> Self {
        let mut sleep = Box::pin(tokio::time::sleep(delay));
        assert!(poll(&mut sleep).is_pending());
        Self { sleep, call: Box::new(call) }
    }
}

fn poll(sleep: &mut Pin<Box<Sleep>>) -> Poll<()> {
    sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn measure() -> Result<Value, Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(measured())
}

async fn measured() -> Result<Value, Box<dyn Error>> {
    let mut numbers = Numbers::new();
    let ran = Rc::new(Cell::new(0_usize));
    let mut calls = Vec::with_capacity(TIMERS);
    let insert = |calls: &mut Vec<SleepingCall>, delay| {
        let ran = Rc::clone(&ran);
        calls.push(SleepingCall::new(delay, move || ran.set(ran.get() + 1)));
    };
    // A running program always has some pending call.
    let _another = SleepingCall::new(SOON * 1000, || {});
    // The first timers take fresh memory from the system; the list itself does not count.
    let before = memory()?;
    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut calls, delay);
    }
    let first_inserted = watch.each();
    let grown = (memory()? - before) as f64 / TIMERS as f64;
    let bytes = grown - size_of::<SleepingCall>() as f64;
    calls.clear();

    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut calls, delay);
    }
    let inserted = watch.each();

    numbers.shuffle(&mut calls);
    let watch = Stopwatch::start();
    for call in &mut calls {
        call.sleep.as_mut().reset(tokio::time::Instant::now() + numbers.long_delay());
    }
    let reset = watch.each();

    // Shuffled, as the insertion order would visit neighbours in memory.
    numbers.shuffle(&mut calls);
    let watch = Stopwatch::start();
    for call in calls.drain(..) {
        drop(call);
    }
    let cancelled = watch.each();

    for _ in 0..TIMERS {
        let delay = numbers.short_delay();
        insert(&mut calls, delay);
    }
    thread::sleep(SOON);
    let watch = Stopwatch::start();
    // The wheel turns when the thread would wait.
    tokio::time::sleep(Duration::from_millis(1)).await;
    for mut call in calls {
        while poll(&mut call.sleep).is_pending() {
            tokio::task::yield_now().await;
        }
        (call.call)();
    }
    let fired = watch.each();
    assert_eq!(ran.get(), TIMERS);
    Ok(json!({
        "first_insert": first_inserted,
        "insert": inserted,
        "reset": reset,
        "cancel": cancelled,
        "fire": fired,
        "bytes": bytes,
    }))
}
