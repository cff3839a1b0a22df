//! Delayed calls that are cancelled, delayed or reset.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{DelayedCall, NotPending};

use super::time::{Story, ms, tell};
use crate::suite::{Case, CaseContext, Outcome, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "time/cancel",
        "a call that was taken back is never made, and cannot be taken back again",
        cancel,
    )
    .states(&["clock-015", "clock-017"]),
    Case::new(
        "time/cancel-drops-at-once",
        "what a call holds is dropped before cancel returns, with nothing borrowed",
        cancel_drops_at_once,
    ),
    Case::new(
        "time/not-pending",
        "a call that was made, or runs, cannot be moved or taken back",
        not_pending,
    )
    .states(&["clock-005", "clock-016", "clock-019"]),
    Case::new(
        "time/reset",
        "reset makes a call due the given delay from now, sooner or later than before",
        reset,
    )
    .states(&["time-004", "clock-007", "clock-008", "clock-023"]),
    Case::new("time/delay", "delay makes a call due later than it was", delay)
        .states(&["clock-006"]),
    Case::new(
        "time/moved-order",
        "calls that were moved are made in the order of their new times",
        moved_order,
    )
    .states(&["clock-010"]),
    Case::new(
        "time/moved-inside-a-call",
        "a call may move and take back others while it runs",
        moved_inside_a_call,
    )
    .states(&["clock-011"]),
];

fn cancel(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let call = tell(t, &story, ms(2), "made");
    same("taking it back", call.cancel(), Ok(()))?;
    ensure(!call.active(), "it is active still")?;
    same("taking it back again", call.cancel(), Err(NotPending))?;
    t.settle()?;
    same("calls made", story.borrow().len(), 0)
}

/// Asks for a timer when it is dropped.
struct CallsLater(Rc<dyn interfaces::ReactorTime>, Rc<Cell<bool>>);

impl Drop for CallsLater {
    fn drop(&mut self) {
        let set = self.1.clone();
        self.0.call_later(ms(0), Box::new(move || set.set(true)));
    }
}

fn cancel_drops_at_once(t: &CaseContext) -> Outcome {
    let made = Rc::new(Cell::new(false));
    let held = CallsLater(t.time(), made.clone());
    let alive = Rc::new(());
    let watched = Rc::downgrade(&alive);
    let call = t.later(ms(5), move || drop((held, alive)));
    same("taking it back", call.cancel(), Ok(()))?;
    same("what it held is alive", watched.strong_count(), 0)?;
    t.until("the timer of the drop is made", || made.get())
}

fn not_pending(t: &CaseContext) -> Outcome {
    let handle = Rc::new(RefCell::new(None::<DelayedCall>));
    let answers = Rc::new(RefCell::new(Vec::new()));
    let (own, out) = (handle.clone(), answers.clone());
    let call = t.later(ms(1), move || {
        let own = own.borrow().clone();
        if let Some(own) = own {
            out.borrow_mut().extend([own.cancel(), own.reset(ms(1)), own.delay(ms(1))]);
            out.borrow_mut().push(if own.active() { Ok(()) } else { Err(NotPending) });
        }
    });
    *handle.borrow_mut() = Some(call.clone());
    t.until("it is made", || !answers.borrow().is_empty())?;
    same("answers while it runs", answers.borrow().as_slice(), [Err(NotPending); 4])?;
    same("cancel afterwards", call.cancel(), Err(NotPending))?;
    same("reset afterwards", call.reset(ms(1)), Err(NotPending))?;
    same("delay afterwards", call.delay(ms(1)), Err(NotPending))?;
    t.settle()?;
    same("calls made", answers.borrow().len(), 4)
}

fn reset(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let sooner = tell(t, &story, ms(60_000), "sooner");
    let later = tell(t, &story, ms(1), "later");
    let before = sooner.time();
    let now = t.time().now();
    same("bringing it forward", sooner.reset(ms(10)), Ok(()))?;
    same("putting it off", later.reset(ms(20)), Ok(()))?;
    ensure(sooner.time() < before, "its time has not changed")?;
    ensure(sooner.time() >= Some(now + ms(10)), "it is due before 10 ms from now")?;
    t.until("both are made", || story.borrow().len() == 2)?;
    same("the order", story.borrow().as_slice(), ["sooner", "later"])
}

fn delay(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let call = tell(t, &story, ms(5), "delayed");
    let before = call.time().unwrap_or_default();
    same("putting it off", call.delay(ms(10)), Ok(()))?;
    same("its time", call.time(), Some(before + ms(10)))?;
    let _ = tell(t, &story, ms(10), "between");
    t.until("both are made", || story.borrow().len() == 2)?;
    same("the order", story.borrow().as_slice(), ["between", "delayed"])
}

fn moved_order(t: &CaseContext) -> Outcome {
    for moved_first in [true, false] {
        let story = Story::default();
        let moved = tell(t, &story, ms(2), "moved");
        if moved_first {
            same("putting it off", moved.reset(ms(20)), Ok(()))?;
        }
        let _ = tell(t, &story, ms(10), "other");
        if !moved_first {
            same("putting it off", moved.reset(ms(20)), Ok(()))?;
        }
        t.until("both are made", || story.borrow().len() == 2)?;
        same("the order", story.borrow().as_slice(), ["other", "moved"])?;
    }
    Ok(())
}

fn moved_inside_a_call(t: &CaseContext) -> Outcome {
    let story = Story::default();
    let moved = tell(t, &story, ms(10), "moved");
    let _ = tell(t, &story, ms(15), "other");
    let gone = tell(t, &story, ms(12), "gone");
    let answers = Rc::new(RefCell::new(Vec::new()));
    let (out, handle) = (answers.clone(), moved.clone());
    t.later(ms(5), move || {
        out.borrow_mut().extend([handle.reset(ms(30)), gone.cancel()]);
    });
    t.until("both are made", || story.borrow().len() == 2)?;
    same("answers", answers.borrow().as_slice(), [Ok(()), Ok(())])?;
    same("the order", story.borrow().as_slice(), ["other", "moved"])?;
    ensure(!moved.active(), "it is active still")
}
