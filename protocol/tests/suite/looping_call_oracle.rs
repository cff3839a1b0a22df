//! Lives of looping calls, each compared with what Twisted 26.10 did.
//!
//! `oracle/looping_call.py` has asked it, and says what stands in `oracle/looping_call.tsv`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::support::work::advance_late;
use deferred::{Deferred, Failure, Promise};
use interfaces::{NotPending, ReactorTime};
use ropewalk_protocol::task::LoopingCall;
use ropewalk_protocol::testing::Clock;

const TABLE: &str = include_str!("oracle/looping_call.tsv");
const QUARTER: Duration = Duration::from_millis(250);

/// What the function of a looping call knows.
#[derive(Default)]
struct Plans {
    seen: RefCell<Vec<String>>,
    next: Cell<Option<char>>,
    waits: Cell<Option<Promise<()>>>,
}

impl Plans {
    fn see(&self, what: impl Into<String>) {
        self.seen.borrow_mut().push(what.into());
    }

    fn run(&self, looping: &LoopingCall, clock: &Clock, count: u64) -> Deferred<()> {
        self.see(format!("{}*{count}", clock.now().as_millis() / QUARTER.as_millis()));
        match self.next.take() {
            Some('w') => {
                let (deferred, promise) = Deferred::new();
                self.waits.set(Some(promise));
                deferred
            }
            Some('e') => Deferred::fail(NotPending),
            Some('q') => looping.stop().map_or_else(Deferred::fail, Deferred::succeed),
            _ => Deferred::succeed(()),
        }
    }
}

fn start(plans: &Rc<Plans>, started: Deferred<()>) {
    let plans = plans.clone();
    started.add_both(move |outcome| {
        plans.see(if outcome.is_ok() { "done" } else { "failed" });
        Ok(())
    });
}

/// Takes a step; answers whether it was not refused.
fn step(
    plans: &Rc<Plans>,
    clock: &Clock,
    looping: &LoopingCall,
    step: &str,
) -> Result<(), Failure> {
    let (verb, number) = step.split_at(1);
    let time = QUARTER * number.parse().unwrap_or(0);
    match verb {
        "s" => start(plans, looping.start(time)?),
        "l" => start(plans, looping.start_later(time)?),
        "x" => looping.stop()?,
        "r" => looping.reset()?,
        "i" => looping.set_interval(time)?,
        "a" => advance_late(clock, [time]),
        "f" => plans.waits.take().expect("it waits").callback(()),
        "b" => plans.waits.take().expect("it waits").errback(NotPending),
        plan => plans.next.set(plan.chars().next()),
    }
    Ok(())
}

fn live(script: &str) -> String {
    let (clock, plans) = (Clock::new(), Rc::<Plans>::default());
    let (time, plan) = (clock.clone(), plans.clone());
    let looping = LoopingCall::with_count(Rc::new(clock.clone()), move |looping, count| {
        plan.run(looping, &time, count)
    });
    for word in script.split(' ') {
        if step(&plans, &clock, &looping, word).is_err() {
            plans.see("no");
        }
    }
    let seen = plans.seen.take();
    seen.join(" ")
}

#[test]
fn six_hundred_lives_are_what_they_are_in_twisted() {
    let mut lives = 0;
    for line in TABLE.lines() {
        let (script, outcome) = line.split_once('\t').expect("there are two columns");
        assert_eq!(live(script), outcome, "{script}");
        lives += 1;
    }
    assert_eq!(lives, 600);
}
