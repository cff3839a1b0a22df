//! Tasks on a clock: looping calls, deferred calls, timeouts, cooperative tasks.
//!
//! `protocol::task` needs only a clock, so its claims, which are tested on the test clock, must hold on
//! every other clock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::NotPending;
use protocol::task::{Cooperator, DeferredExt, LoopingCall, TimedOut, defer_later, sleep};

use super::time::ms;
use crate::suite::{Case, CaseContext, Failed, Outcome, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "time/looping-call-without-interval",
        "a looping call without an interval runs until its sixth run stops it, and leaves nothing",
        looping_without_interval,
    )
    .states(&["clock-009", "task-017"]),
    Case::new(
        "time/looping-call-waits",
        "a looping call runs again when its Deferred has fired, on a tick, and ends when stopped",
        looping_waits,
    )
    .states(&["task-019", "task-022"]),
    Case::new(
        "time/looping-call-fails",
        "a looping call ends with the error of its function or of its Deferred",
        looping_fails,
    )
    .states(&["task-016", "task-020"]),
    Case::new(
        "time/deferred-call",
        "a deferred call is made after its delay, or never when it was cancelled",
        deferred_call,
    )
    .states(&["task-024", "task-026", "task-027"]),
    Case::new(
        "time/timeout",
        "a Deferred with a timeout fails with it when it is late, and not when it is in time",
        timeout,
    )
    .states(&["timeout-003", "timeout-005"]),
    Case::new(
        "time/cooperator",
        "long tasks take their steps by turns, while timers are made between these",
        cooperator,
    )
    .states(&["coop-010"]),
];

fn looping_without_interval(t: &CaseContext) -> Outcome {
    let before = t.world().leftovers();
    let runs = Rc::new(Cell::new(0));
    let count = runs.clone();
    let looping = LoopingCall::new(t.time(), move |looping| {
        count.set(count.get() + 1);
        if count.get() == 6 {
            looping.stop()?;
        }
        Ok(())
    });
    let done = looping.start(Duration::ZERO).map_err(Failure::new)?;
    same("runs inside start", runs.get(), 1)?;
    t.wait("its end", done)??;
    same("left over", t.world().leftovers(), before)?;
    t.settle()?;
    same("runs", runs.get(), 6)
}

fn looping_waits(t: &CaseContext) -> Outcome {
    let before = t.world().leftovers();
    let time = t.time();
    let begin = time.now();
    let started = Rc::new(RefCell::new(Vec::new()));
    let (note, clock) = (started.clone(), time.clone());
    let looping = LoopingCall::new(time.clone(), move |looping| {
        note.borrow_mut().push(clock.now());
        if note.borrow().len() == 2 {
            // It stops at the end of this run.
            looping.stop().map_or_else(Deferred::fail, |()| sleep(&clock, ms(5)))
        } else {
            sleep(&clock, ms(5))
        }
    });
    let done = looping.start(ms(2)).map_err(Failure::new)?;
    t.wait("its end", done)??;
    let started = started.take();
    same("runs", started.len(), 2)?;
    // The first call ran until 5 ms; the next tick is at 6 ms.
    ensure(started[1] >= begin + ms(6), "it ran again before its Deferred had fired")?;
    ensure(time.now() >= started[1] + ms(5), "it ended before its last run was over")?;
    same("left over", t.world().leftovers(), before)
}

fn looping_fails(t: &CaseContext) -> Outcome {
    let before = t.world().leftovers();
    for later in [false, true] {
        let (time, mut runs) = (t.time(), 0);
        let looping = LoopingCall::new(t.time(), move |_| {
            runs += 1;
            match (runs, later) {
                (1, _) => Deferred::succeed(()),
                (_, false) => Deferred::fail(NotPending),
                (_, true) => sleep(&time, ms(3)).add_callback(|()| Err(NotPending.into())),
            }
        });
        let done = looping.start(ms(1)).map_err(Failure::new)?;
        let Err(failure) = t.wait("its end", done)? else {
            return Err(Failed::new("it ended well"));
        };
        ensure(failure.check::<NotPending>(), "it ended with another error")?;
        ensure(!looping.running(), "it runs still")?;
        same("left over", t.world().leftovers(), before.clone())?;
    }
    Ok(())
}

fn deferred_call(t: &CaseContext) -> Outcome {
    let before = t.world().leftovers();
    let time = t.time();
    let (begin, clock) = (time.now(), time.clone());
    let made = defer_later(&time, ms(5), move || Ok::<_, Failure>(clock.now()));
    let called = Rc::new(Cell::new(false));
    let call = called.clone();
    let never = defer_later(&time, ms(2), move || {
        call.set(true);
        Ok::<_, Failure>(())
    });
    never.cancel_handle().cancel();
    ensure(t.wait("the cancelled one", never)?.is_err(), "it was cancelled and is well")?;
    let at = t.wait("the call", made)??;
    ensure(at >= begin + ms(5), "it was made too early")?;
    ensure(!called.get(), "the cancelled one was made")?;
    same("left over", t.world().leftovers(), before)
}

fn timeout(t: &CaseContext) -> Outcome {
    let before = t.world().leftovers();
    let time = t.time();
    let in_time = sleep(&time, ms(1)).add_timeout(Duration::from_secs(60), &time);
    let late = sleep(&time, Duration::from_secs(60)).add_timeout(ms(2), &time);
    t.wait("the one in time", in_time)??;
    let Err(failure) = t.wait("the late one", late)? else {
        return Err(Failed::new("what was late is well"));
    };
    same("its error", failure.downcast_ref(), Some(&TimedOut::new(ms(2))))?;
    same("left over", t.world().leftovers(), before)
}

fn cooperator(t: &CaseContext) -> Outcome {
    let before = t.world().leftovers();
    let cooperator = Cooperator::new(t.time());
    let steps = Rc::new(Cell::new(0u32));
    let between = Rc::new(Cell::new(None));
    let tasks = [0; 3].map(|_| {
        let (time, steps, between) = (t.time(), steps.clone(), between.clone());
        let work = (0..20_000).map(move |_| {
            steps.set(steps.get() + 1);
            if steps.get() == 1 {
                let (steps, between) = (steps.clone(), between.clone());
                let see = move || between.set(Some(steps.get()));
                time.call_later(Duration::ZERO, Box::new(see));
            }
            Ok(())
        });
        cooperator.clone().coiterate(work)
    });
    same("steps inside the call that asks for them", steps.get(), 0)?;
    for task in tasks {
        t.wait("a task", task)??;
    }
    same("steps", steps.get(), 60_000)?;
    let between = between.get();
    ensure(between.is_some_and(|at| at < 60_000), "the first step's timer came after the last")?;
    same("left over", t.world().leftovers(), before)
}
