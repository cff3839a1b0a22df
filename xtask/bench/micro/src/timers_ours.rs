//! A million delayed calls on this workspace's reactor.
//!
//! Invariant: each call is a closure with a field, so that it has a box.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use interfaces::DelayedCall;
use reactor::Reactor;
use serde_json::{Value, json};

use crate::numbers::{Numbers, SOON, TIMERS, each, memory};

pub(crate) fn measure() -> Result<Value, Box<dyn Error>> {
    let reactor = Reactor::new()?;
    let mut numbers = Numbers::new();
    let ran = Rc::new(Cell::new(0_usize));
    let mut calls = Vec::with_capacity(TIMERS);
    let insert = |calls: &mut Vec<DelayedCall>, delay| {
        let ran = Rc::clone(&ran);
        calls.push(reactor.call_later(delay, move || ran.set(ran.get() + 1)));
    };
    // The first ones take fresh memory from the system; what the list of handles takes is no timer.
    let before = memory()?;
    let begin = Instant::now();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut calls, delay);
    }
    let first_inserted = begin.elapsed();
    let grown = (memory()? - before) as f64 / TIMERS as f64;
    let bytes = grown - size_of::<DelayedCall>() as f64;
    calls.clear();
    drop(reactor);
    let reactor = Reactor::new()?;
    let insert = |calls: &mut Vec<DelayedCall>, delay| {
        let ran = Rc::clone(&ran);
        calls.push(reactor.call_later(delay, move || ran.set(ran.get() + 1)));
    };

    let begin = Instant::now();
    for _ in 0..TIMERS {
        let delay = numbers.long_delay();
        insert(&mut calls, delay);
    }
    let inserted = begin.elapsed();

    numbers.shuffle(&mut calls);
    let begin = Instant::now();
    for call in &calls {
        call.reset(numbers.long_delay())?;
    }
    let reset = begin.elapsed();

    let begin = Instant::now();
    for call in calls.drain(..) {
        call.cancel()?;
    }
    let cancelled = begin.elapsed();

    for _ in 0..TIMERS {
        let delay = numbers.short_delay();
        insert(&mut calls, delay);
    }
    drop(calls);
    thread::sleep(SOON);
    let begin = Instant::now();
    while ran.get() < TIMERS {
        reactor.turn(Some(Duration::ZERO))?;
    }
    let fired = begin.elapsed();
    Ok(json!({
        "first_insert": each(first_inserted),
        "insert": each(inserted),
        "reset": each(reset),
        "cancel": each(cancelled),
        "fire": each(fired),
        "bytes": bytes,
    }))
}
