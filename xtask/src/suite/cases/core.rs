//! The start and stop of the loop, and the triggers of both.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred};
use interfaces::{NotRunning, Phase, ReactorCore, SystemEvent};

use super::time::{Story, ms};
use crate::suite::notices::panic_as_planned;
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "time/zero-delay-stops",
        "a call with a delay of zero may stop the loop",
        zero_delay_stops,
    )
    .states(&["time-006"])
    .needs(&[Ability::Core]),
    Case::new(
        "stream/stop-in-connection-made",
        "connection_made may stop the loop, and the connections end with it",
        stop_in_connection_made,
    )
    .states(&["stream-009"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/stop-without-run",
        "stop on a loop that does not run, or stops already, is an error",
        stop_without_run,
    )
    .states(&["reactor-core-001", "reactor-core-002"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/when-running",
        "call_when_running calls once the loop runs, in the order of asking, also from inside",
        when_running,
    )
    .states(&["reactor-core-003"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/trigger-order",
        "all triggers before, then all during, then all after, each in the order of adding",
        trigger_order,
    )
    .states(&["reactor-core-005", "reactor-core-007", "reactor-core-020"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/stop-is-not-now",
        "stop returns before any trigger of the shutdown runs",
        stop_is_not_now,
    )
    .states(&["reactor-core-008"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/held-back",
        "what triggers before the shutdown return holds it back until all have fired, or failed",
        held_back,
    )
    .states(&["reactor-core-021", "reactor-core-022", "reactor-core-024"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/startup-does-not-wait",
        "timers run while a trigger before the start holds it back",
        startup_held_back,
    )
    .states(&["reactor-core-011"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/removed-trigger",
        "a trigger that was taken back, before or meanwhile, is not called, and is taken back once",
        removed_trigger,
    )
    .states(&["reactor-core-018", "reactor-core-019", "reactor-core-027"])
    .needs(&[Ability::Core]),
    Case::new(
        "core/panic-in-trigger",
        "a panic in a trigger is reported, and the other triggers run",
        panic_in_trigger,
    )
    .states(&["reactor-core-025"])
    .needs(&[Ability::Core, Ability::CatchPanics]),
];

pub(super) fn on(
    core: &Rc<dyn ReactorCore>,
    phase: Phase,
    event: SystemEvent,
    call: impl FnOnce() + 'static,
) -> interfaces::TriggerId {
    let trigger = move || {
        call();
        Deferred::succeed(())
    };
    core.add_system_event_trigger(phase, event, Box::new(trigger))
}

/// A closure that adds a word to the story.
pub(super) fn word(story: &Story, word: &'static str) -> impl FnOnce() + 'static {
    let story = story.clone();
    move || story.borrow_mut().push(word)
}

pub(super) fn stop_later(t: &CaseContext, core: &Rc<dyn ReactorCore>, delay: Duration) {
    let core = core.clone();
    t.later(delay, move || _ = core.stop());
}

fn zero_delay_stops(t: &CaseContext) -> Outcome {
    let core = t.core()?;
    stop_later(t, &core, Duration::ZERO);
    t.run()?;
    ensure(!core.running(), "it says that it runs still")
}

fn stop_in_connection_made(t: &CaseContext) -> Outcome {
    let core = t.core()?;
    let server = t.single(Script::new());
    let client = t.single(Script::new().made(move |_| _ = core.stop()));
    let port = t.listen(&server)?;
    drop(t.connect(&port.host(), &client));
    t.run()?;
    same("connections made", client.made(), 1)?;
    same("the client's connections lost", client.lost(), 1)?;
    same("the server's connections lost", server.lost(), server.made())
}

fn stop_without_run(t: &CaseContext) -> Outcome {
    let core = t.core()?;
    same("stop before run", core.stop(), Err(NotRunning))?;
    let answers = Rc::new(RefCell::new(Vec::new()));
    let (out, inner) = (answers.clone(), core.clone());
    t.later(Duration::ZERO, move || out.borrow_mut().extend([inner.stop(), inner.stop()]));
    t.run()?;
    same("stop, twice, while it runs", answers.take(), [Ok(()), Err(NotRunning)])?;
    same("stop after run", core.stop(), Err(NotRunning))
}

fn when_running(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    core.call_when_running(Box::new(word(&story, "first")));
    let (inner, second, third) = (core.clone(), word(&story, "second"), word(&story, "third"));
    core.call_when_running(Box::new(move || {
        second();
        inner.call_when_running(Box::new(third));
    }));
    same("called before it runs", story.borrow().len(), 0)?;
    stop_later(t, &core, ms(5));
    t.run()?;
    same("called", story.borrow().as_slice(), ["first", "second", "third"])
}

fn trigger_order(t: &CaseContext) -> Outcome {
    use {Phase::*, SystemEvent::*};
    let (core, story) = (t.core()?, Story::default());
    on(&core, After, Shutdown, word(&story, "after 1"));
    on(&core, During, Shutdown, word(&story, "during 1"));
    on(&core, Before, Shutdown, word(&story, "before 1"));
    on(&core, During, Shutdown, word(&story, "during 2"));
    on(&core, Before, Shutdown, word(&story, "before 2"));
    on(&core, After, Shutdown, word(&story, "after 2"));
    let running = Rc::new(RefCell::new(Vec::new()));
    for phase in [After, Before, During] {
        let (list, inner) = (running.clone(), core.clone());
        on(&core, phase, Startup, move || list.borrow_mut().push((phase, inner.running())));
    }
    same("triggers that ran before run", running.borrow().len(), 0)?;
    stop_later(t, &core, ms(2));
    t.run()?;
    same(
        "running() at the start",
        running.take(),
        [(Before, false), (During, true), (After, true)],
    )?;
    let want = ["before 1", "before 2", "during 1", "during 2", "after 1", "after 2"];
    same("the order", story.borrow().as_slice(), want)
}

fn stop_is_not_now(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    on(&core, Phase::Before, SystemEvent::Shutdown, word(&story, "trigger"));
    let (inner, stopped) = (core.clone(), word(&story, "stopped"));
    t.later(Duration::ZERO, move || {
        let _ = inner.stop();
        stopped();
    });
    t.run()?;
    same("the order", story.borrow().as_slice(), ["stopped", "trigger"])
}

fn held_back(t: &CaseContext) -> Outcome {
    let (core, story) = (t.core()?, Story::default());
    for (after, name, fails) in [(10, "slow", false), (2, "fast", true)] {
        let (time, word) = (t.time(), word(&story, name));
        core.add_system_event_trigger(
            Phase::Before,
            SystemEvent::Shutdown,
            Box::new(move || {
                let (deferred, promise) = Deferred::new();
                let fire = move || {
                    word();
                    if fails { promise.errback(Cancelled) } else { promise.callback(()) }
                };
                time.call_later(ms(after), Box::new(fire));
                deferred
            }),
        );
    }
    on(&core, Phase::During, SystemEvent::Shutdown, word(&story, "during"));
    stop_later(t, &core, Duration::ZERO);
    t.run()?;
    // The failure of one of them may be reported; it delays nothing.
    let _ = (t.take_unhandled(), t.take_unexpected());
    same("the order", story.borrow().as_slice(), ["fast", "slow", "during"])
}

fn startup_held_back(t: &CaseContext) -> Outcome {
    let core = t.core()?;
    let (time, inner) = (t.time(), core.clone());
    let fired = Rc::new(Cell::new(false));
    let set = fired.clone();
    core.add_system_event_trigger(
        Phase::Before,
        SystemEvent::Startup,
        Box::new(move || {
            let (deferred, promise) = Deferred::new();
            time.call_later(ms(2), Box::new(move || promise.callback(())));
            deferred.add_callback(move |()| {
                set.set(true);
                inner.call_when_running(Box::new({
                    let inner = inner.clone();
                    move || _ = inner.stop()
                }));
                Ok(())
            })
        }),
    );
    t.run()?;
    ensure(fired.get(), "it ended before the trigger's Deferred fired")
}

fn removed_trigger(t: &CaseContext) -> Outcome {
    use {Phase::*, SystemEvent::Shutdown};
    let (core, story) = (t.core()?, Story::default());
    let gone = on(&core, Before, Shutdown, word(&story, "gone"));
    same("taking it back", core.remove_system_event_trigger(gone), true)?;
    same("taking it back again", core.remove_system_event_trigger(gone), false)?;
    let first = on(&core, Before, Shutdown, word(&story, "first"));
    let later = Rc::new(RefCell::new(Vec::new()));
    let answers = Rc::new(RefCell::new(Vec::new()));
    let (inner, list, out) = (core.clone(), later.clone(), answers.clone());
    on(&core, Before, Shutdown, move || {
        let ids = list.take();
        let removed = ids.into_iter().map(|id| inner.remove_system_event_trigger(id));
        let removed: Vec<bool> = removed.collect();
        out.borrow_mut().extend(removed);
        out.borrow_mut().push(inner.remove_system_event_trigger(first));
    });
    let ids = [
        on(&core, Before, Shutdown, word(&story, "removed before")),
        on(&core, During, Shutdown, word(&story, "removed during")),
    ];
    later.borrow_mut().extend(ids);
    on(&core, During, Shutdown, word(&story, "last"));
    stop_later(t, &core, Duration::ZERO);
    t.run()?;
    same("answers", answers.take(), [true, true, false])?;
    same("what ran", story.borrow().as_slice(), ["first", "last"])
}

fn panic_in_trigger(t: &CaseContext) -> Outcome {
    use {Phase::*, SystemEvent::Shutdown};
    let (core, story) = (t.core()?, Story::default());
    on(&core, Before, Shutdown, || panic_as_planned("in the case"));
    on(&core, Before, Shutdown, word(&story, "before"));
    on(&core, During, Shutdown, || panic_as_planned("in the case"));
    on(&core, During, Shutdown, word(&story, "during"));
    on(&core, After, Shutdown, word(&story, "after"));
    stop_later(t, &core, Duration::ZERO);
    t.run()?;
    same("what ran", story.borrow().as_slice(), ["before", "during", "after"])?;
    same("panics reported", t.planned_panics(), 2)
}
