//! Events that a program fires by hand, the loop that is left and entered again, and the end of a run
//! among protocols that panic.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Promise};
use interfaces::{Phase, ReactorCore, SystemEvent, TriggerId};

use super::core::{on, stop_later, word};
use super::time::{Story, ms};
use crate::suite::notices::panic_as_planned;
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "core/fired-by-hand",
        "an event that is fired by hand passes its phases inside the call, each trigger once",
        fired_by_hand,
    )
    .states(&["reactor-core-020", "reactor-core-029"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/fired-by-hand-held-back",
        "triggers before an event hold it back, until the call that fires the last of their Deferreds",
        fired_by_hand_held_back,
    )
    .states(&["reactor-core-021", "reactor-core-022"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/fires-the-deferred-before",
        "a trigger that fires the Deferred of an earlier one does not let the next phase begin early",
        fires_the_deferred_before,
    )
    .states(&["reactor-core-023"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/two-events",
        "two events that are held back do not wait for each other's triggers",
        two_events,
    )
    .states(&["reactor-core-031"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/removes-what-has-run",
        "to take back a trigger that has run is nothing, and one just like it is another",
        removes_what_has_run,
    )
    .states(&["reactor-core-026", "reactor-core-028"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/when-running-at-once",
        "call_when_running calls at once in a loop that runs",
        when_running_at_once,
    )
    .states(&["reactor-core-004"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/crash",
        "a loop that crashes leaves all as it is, and runs on when it is run again",
        crash,
    )
    .states(&["reactor-core-014"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/panics-at-the-stop",
        "a connection_lost that panics at the stop keeps no other protocol from being told",
        panics_at_the_stop,
    )
    .states(&["reactor-core-009"])
    .needs(&[Ability::Core, Ability::CatchPanics]),
];

const EVENT: SystemEvent = SystemEvent::Named("rehearsal");

/// Adds a trigger before an event that holds it back; returns how to let it go.
fn holding(
    core: &Rc<dyn ReactorCore>,
    event: SystemEvent,
    call: impl FnOnce() + 'static,
) -> Rc<RefCell<Option<Promise<()>>>> {
    let held = Rc::new(RefCell::new(None));
    let set = held.clone();
    let trigger = move || {
        let (deferred, promise) = Deferred::new();
        *set.borrow_mut() = Some(promise);
        call();
        deferred
    };
    core.add_system_event_trigger(Phase::Before, event, Box::new(trigger));
    held
}

fn release(held: &Rc<RefCell<Option<Promise<()>>>>) {
    let promise = held.take();
    if let Some(promise) = promise {
        promise.callback(());
    }
}

fn fired_by_hand(t: &CaseContext) -> Outcome {
    use Phase::{After, Before, During};
    let (core, story) = (t.core()?, Story::default());
    let names = [(After, "after"), (During, "during"), (Before, "before")];
    for (phase, name) in names.into_iter().chain(names) {
        on(&core, phase, EVENT, word(&story, name));
    }
    on(&core, Before, SystemEvent::Named("another"), word(&story, "of another event"));
    core.fire_system_event(EVENT);
    let want = ["before", "before", "during", "during", "after", "after"];
    same("the order", story.borrow().as_slice(), want)?;
    core.fire_system_event(EVENT);
    same("triggers of the second time", story.borrow().len(), want.len())?;
    on(&core, After, EVENT, word(&story, "new"));
    core.fire_system_event(EVENT);
    same("the last", story.borrow().last(), Some(&"new"))
}

fn fired_by_hand_held_back(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    let (first, second) = (holding(&core, EVENT, || {}), holding(&core, EVENT, || {}));
    on(&core, Phase::During, EVENT, word(&story, "during"));
    on(&core, Phase::After, EVENT, word(&story, "after"));
    core.fire_system_event(EVENT);
    same("while both hold it", story.borrow().len(), 0)?;
    release(&first);
    same("while one holds it", story.borrow().len(), 0)?;
    release(&second);
    same("in the call that lets it go", story.borrow().as_slice(), ["during", "after"])
}

fn fires_the_deferred_before(t: &CaseContext) -> Outcome {
    for event in [EVENT, SystemEvent::Shutdown] {
        let (core, story) = (t.core()?, Story::default());
        let first = holding(&core, event, word(&story, "first"));
        let (inner, told) = (first.clone(), story.clone());
        on(&core, Phase::Before, event, move || {
            release(&inner);
            told.borrow_mut().push("second");
        });
        let third = holding(&core, event, word(&story, "third"));
        on(&core, Phase::During, event, word(&story, "during"));
        let before = story.clone();
        let let_go = move || {
            before.borrow_mut().push("let go");
            release(&third);
        };
        if event == EVENT {
            core.fire_system_event(event);
            let_go();
        } else {
            stop_later(t, &core, ms(1));
            t.later(ms(20), let_go);
            t.run()?;
        }
        let want = ["first", "second", "third", "let go", "during"];
        same("the order", story.borrow().as_slice(), want)?;
    }
    Ok(())
}

fn two_events(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    let other = SystemEvent::Named("another");
    let (of_event, of_other) = (holding(&core, EVENT, || {}), holding(&core, other, || {}));
    on(&core, Phase::During, EVENT, word(&story, "the event"));
    on(&core, Phase::During, other, word(&story, "the other"));
    core.fire_system_event(EVENT);
    core.fire_system_event(other);
    release(&of_other);
    same("when the other is let go", story.borrow().as_slice(), ["the other"])?;
    release(&of_event);
    same("when both are let go", story.borrow().as_slice(), ["the other", "the event"])
}

fn removes_what_has_run(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    // Both triggers are the same function.
    let add = |phase| on(&core, phase, EVENT, word(&story, "called"));
    let before = add(Phase::Before);
    let during: Rc<Cell<Option<TriggerId>>> = Rc::default();
    let answers = Rc::new(RefCell::new(Vec::new()));
    let (inner, later, out) = (core.clone(), during.clone(), answers.clone());
    on(&core, Phase::Before, EVENT, move || {
        let mut removed = vec![inner.remove_system_event_trigger(before)];
        removed.extend(later.take().map(|id| inner.remove_system_event_trigger(id)));
        out.borrow_mut().append(&mut removed);
    });
    during.set(Some(add(Phase::During)));
    on(&core, Phase::During, EVENT, word(&story, "the last"));
    core.fire_system_event(EVENT);
    same("the one that has run, and the one that has not", answers.take(), [false, true])?;
    same("what was called", story.borrow().as_slice(), ["called", "the last"])
}

fn when_running_at_once(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    core.call_when_running(Box::new(word(&story, "when it runs")));
    same("before it runs", story.borrow().len(), 0)?;
    let (inner, told) = (core.clone(), story.clone());
    t.later(ms(1), move || {
        inner.call_when_running(Box::new(word(&told, "at once")));
        told.borrow_mut().push("afterwards");
        let _ = inner.stop();
    });
    t.run()?;
    same("the order", story.borrow().as_slice(), ["when it runs", "at once", "afterwards"])
}

fn crash(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    on(&core, Phase::Before, SystemEvent::Shutdown, word(&story, "shutdown"));
    // Far enough to be pending whenever the loop is left.
    let alarm = t.later(Duration::from_secs(2), word(&story, "alarm"));
    let (inner, running) = (core.clone(), Rc::new(Cell::new(true)));
    let set = running.clone();
    t.later(ms(1), move || {
        inner.crash();
        set.set(inner.running());
    });
    t.run()?;
    same("it runs after the crash", running.get(), false)?;
    same("what the crash called", story.borrow().len(), 0)?;
    ensure(alarm.active(), "the crash dropped a delayed call")?;
    let inner = core.clone();
    core.call_when_running(Box::new(word(&story, "runs again")));
    t.later(Duration::from_secs(3), move || _ = inner.stop());
    t.run()?;
    same(
        "what the second run called",
        story.borrow().as_slice(),
        ["runs again", "alarm", "shutdown"],
    )
}

fn panics_at_the_stop(t: &CaseContext) -> Outcome {
    let core = t.core()?;
    let panics = || Script::new().lost(|_| panic_as_planned("in the case"));
    let (server, client) = (t.side(move |_| Some(panics())), t.side(|_| Some(Script::new())));
    let port = t.listen(&server)?;
    for _ in 0..3 {
        t.wait("connecting", t.connect(&port.host(), &client))??;
    }
    t.until("the server has them all", || server.made() == 3)?;
    stop_later(t, &core, ms(1));
    t.run()?;
    same("protocols of the server that were told", server.lost(), 3)?;
    same("protocols of the client that were told", client.lost(), 3)?;
    same("panics reported", t.planned_panics(), 3)
}
