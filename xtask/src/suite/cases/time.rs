//! `call_later`: the due time of calls, their order, and scheduling inside a call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{DelayedCall, NotPending};

use crate::suite::{Ability, Case, CaseContext, Outcome, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "time/due-time",
        "a call is due the given delay after now, on the same clock, and made when that has come",
        due_time,
    )
    .states(&["time-001", "time-003", "clock-002", "clock-004"]),
    Case::new(
        "time/never-inside",
        "a call with a delay of zero is not made inside call_later",
        never_inside,
    ),
    Case::new(
        "time/order",
        "calls are made in the order of their times, and of their asking when those are the same",
        order,
    )
    .states(&["clock-014"]),
    Case::new(
        "time/zero-waits-a-turn",
        "a call with a delay of zero that is asked for inside a call waits for the next turn",
        zero_waits_a_turn,
    )
    .states(&["time-010"])
    .needs(&[Ability::LoopClock]),
    Case::new(
        "time/leftovers",
        "what is pending is known after each call asked for, made and taken back",
        pending_is_known,
    )
    .states(&["time-005", "clock-003", "clock-018"]),
    Case::new("time/distant", "a call as far away as a Duration can say disturbs nothing", distant)
        .states(&["time-007"]),
    Case::new("time/dropped-handle", "dropping the handle takes nothing back", dropped_handle),
    Case::new(
        "time/never-back",
        "the clock does not go back, and has moved on when a delay has passed",
        never_back,
    ),
    Case::new(
        "time/from-a-call",
        "a chain of calls, each asked for by the one before, comes to its end",
        chain,
    ),
    Case::new(
        "time/among-connections",
        "timers and connections do not keep each other waiting",
        among_connections,
    ),
];

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The calls so far, in order.
pub(super) type Story = Rc<RefCell<Vec<&'static str>>>;

/// A call that adds a word to the story.
pub(super) fn tell(
    t: &CaseContext,
    story: &Story,
    after: Duration,
    word: &'static str,
) -> DelayedCall {
    let story = story.clone();
    t.later(after, move || story.borrow_mut().push(word))
}

fn due_time(t: &CaseContext) -> Outcome {
    let time = t.time();
    let called_at = Rc::new(Cell::new(None));
    let (set, clock) = (called_at.clone(), time.clone());
    let before = time.now();
    let call = t.later(ms(10), move || set.set(Some(clock.now())));
    let after = time.now();
    let due = call.time().unwrap_or_default();
    ensure(call.active(), "the call is not active")?;
    ensure(before + ms(10) <= due && due <= after + ms(10), "the call is not due 10 ms after now")?;
    t.until("the call is made", || called_at.get().is_some())?;
    ensure(called_at.get() >= Some(due), "the call was made too early")?;
    ensure(!call.active(), "the call is active after it was made")?;
    same("its time", call.time(), None)
}

fn never_inside(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let _ = tell(t, &story, Duration::ZERO, "made");
    same("made inside call_later", story.borrow().len(), 0)?;
    t.until("it is made", || story.borrow().len() == 1)
}

fn order(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let _ = tell(t, &story, ms(8), "fourth");
    let _ = tell(t, &story, ms(2), "second");
    let _ = tell(t, &story, Duration::ZERO, "first");
    let _ = tell(t, &story, ms(5), "third");
    t.until("all are made", || story.borrow().len() == 4)?;
    same("the order", story.borrow().as_slice(), ["first", "second", "third", "fourth"])?;
    let numbers = Rc::new(RefCell::new(Vec::new()));
    for number in 0..20 {
        let numbers = numbers.clone();
        t.later(Duration::ZERO, move || numbers.borrow_mut().push(number));
    }
    t.until("all are made", || numbers.borrow().len() == 20)?;
    same("the order", numbers.borrow().as_slice(), (0..20).collect::<Vec<_>>())
}

fn zero_waits_a_turn(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let (outer, inner, time) = (story.clone(), story.clone(), t.time());
    t.later(Duration::ZERO, move || {
        outer.borrow_mut().push("A");
        time.call_later(Duration::ZERO, Box::new(move || inner.borrow_mut().push("C")));
    });
    let _ = tell(t, &story, Duration::ZERO, "B");
    t.until("the first turn has made calls", || !story.borrow().is_empty())?;
    same("calls of the first turn", story.borrow().as_slice(), ["A", "B"])?;
    t.until("the next one has made the other", || story.borrow().len() == 3)?;
    same("calls in all", story.borrow().as_slice(), ["A", "B", "C"])
}

fn pending_is_known(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let before = t.world().leftovers();
    let time = t.time();
    let mine = |calls: [&DelayedCall; 3]| {
        let listed: Vec<_> = time.delayed_calls().iter().map(DelayedCall::time).collect();
        calls.map(|call| call.time().is_some() && listed.contains(&call.time()))
    };
    let first = tell(t, &story, ms(20), "first");
    let second = tell(t, &story, ms(25), "second");
    let third = tell(t, &story, ms(30), "third");
    ensure(t.world().leftovers() != before, "pending calls are not among the leftovers")?;
    same("active", [first.active(), second.active(), third.active()], [true; 3])?;
    same("listed", mine([&first, &second, &third]), [true; 3])?;
    let listed = time.delayed_calls().len();
    same("taking one back", second.cancel(), Ok(()))?;
    same("listed", mine([&first, &second, &third]), [true, false, true])?;
    same("how many are listed", time.delayed_calls().len(), listed - 1)?;
    same("the next one", time.delayed_calls().first().and_then(DelayedCall::time), first.time())?;
    same("active", [first.active(), second.active(), third.active()], [true, false, true])?;
    t.until("the first is made", || !story.borrow().is_empty())?;
    same("the first is active", first.active(), false)?;
    same("listed", mine([&first, &second, &third]), [false, false, true])?;
    t.until("the third is made", || story.borrow().len() == 2)?;
    same("what was called", story.borrow().as_slice(), ["first", "third"])?;
    same("left over", t.world().leftovers(), before)
}

fn distant(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let far = tell(t, &story, Duration::MAX, "far");
    let near = tell(t, &story, ms(1), "near");
    t.until("the near one is made", || !near.active())?;
    let pair = t.pair(crate::suite::Script::new(), crate::suite::Script::new())?;
    pair.exchange_bytes(t)?;
    pair.abandon(t)?;
    ensure(far.active(), "the distant call is not active any more")?;
    same("what was called", story.borrow().as_slice(), ["near"])?;
    same("moving it even further", far.delay(Duration::MAX), Ok(()))?;
    t.settle()?;
    same("taking it back", far.cancel(), Ok(()))?;
    same("taking it back again", far.cancel(), Err(NotPending))
}

fn dropped_handle(t: &CaseContext) -> Outcome {
    let story = Story::default();
    drop(tell(t, &story, ms(1), "made"));
    t.until("it is made", || story.borrow().len() == 1)
}

fn never_back(t: &CaseContext) -> Outcome {
    let time = t.time();
    let begin = time.now();
    let mut last = begin;
    let story = Story::default();
    let _ = tell(t, &story, ms(5), "made");
    let mut back = false;
    t.until("it is made", || {
        let now = time.now();
        back |= now < last;
        last = now;
        !story.borrow().is_empty()
    })?;
    ensure(!back, "the clock went back")?;
    ensure(time.now() >= begin + ms(5), "the clock did not move on by the delay")
}

fn chain(t: &CaseContext) -> Outcome {
    fn step(time: Rc<dyn interfaces::ReactorTime>, left: u32, done: Rc<Cell<bool>>) {
        if left == 0 {
            done.set(true);
            return;
        }
        let next = time.clone();
        time.call_later(Duration::ZERO, Box::new(move || step(next, left - 1, done)));
    }
    let done = Rc::new(Cell::new(false));
    step(t.time(), 1000, done.clone());
    t.until("the last one is made", || done.get())
}

fn among_connections(t: &CaseContext) -> Outcome {
    let echo = || crate::suite::Script::new().data(|wire, data| wire.write(data));
    let pair = t.pair(echo(), echo())?;
    pair.client.transport()?.write(b"round and round");
    let story = Story::default();
    for _ in 0..5 {
        let _ = tell(t, &story, ms(2), "tick");
    }
    // Bytes arrive in every turn, and the timers run all the same.
    t.until("all timers are made", || story.borrow().len() == 5)?;
    let before = pair.server.received_bytes();
    t.until("the bytes go on", || pair.server.received_bytes() > before)?;
    pair.abandon(t)
}
