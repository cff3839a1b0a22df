//! A million delayed calls on this workspace's reactor.
//!
//! Invariant: each call is a closure with a field, so that its box is allocated.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use interfaces::DelayedCall;
use reactor::Reactor;
use serde_json::{Value, json};

use crate::numbers::{Numbers, SOON, Stopwatch, TIMERS, memory};

pub(crate) fn measure() -> Result<Value, Box<dyn Error>> {
    let reactor = Reactor::new()?;
    let mut numbers = Numbers::new();
    let ran = Rc::new(Cell::new(0_usize));
    let mut calls = Vec::with_capacity(TIMERS);
    let insert = |calls: &mut Vec<DelayedCall>, delay| {
        let ran = Rc::clone(&ran);
        calls.push(reactor.call_later(delay, move || ran.set(ran.get() + 1)));
    };
    // A running program always has some pending call.
    let _another = reactor.call_later(SOON * 1000, || {});
    // The first timers take fresh memory from the system; the list of handles does not count.
    let before = memory()?;
    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut calls, delay);
    }
    let first_inserted = watch.each();
    let grown = (memory()? - before) as f64 / TIMERS as f64;
    let bytes = grown - size_of::<DelayedCall>() as f64;
    for call in calls.drain(..) {
        call.cancel()?;
    }

    let watch = Stopwatch::start();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut calls, delay);
    }
    let inserted = watch.each();

    numbers.shuffle(&mut calls);
    let watch = Stopwatch::start();
    for call in &calls {
        call.reset(numbers.long_delay())?;
    }
    let reset = watch.each();

    // Shuffled, as the insertion order would visit neighbours in memory.
    numbers.shuffle(&mut calls);
    let watch = Stopwatch::start();
    for call in calls.drain(..) {
        call.cancel()?;
    }
    let cancelled = watch.each();

    for _ in 0..TIMERS {
        let delay = numbers.short_delay();
        insert(&mut calls, delay);
    }
    drop(calls);
    thread::sleep(SOON);
    let watch = Stopwatch::start();
    while ran.get() < TIMERS {
        reactor.turn(Some(Duration::ZERO))?;
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
