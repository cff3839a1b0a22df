//! Starting, running and stopping, and the triggers of each; Twisted's `ReactorBase`.
//!
//! ```text
//!   Idle ── run ──► Starting ── before-triggers fired ──► Running ── stop ──► Stopping
//!    ▲                                                                           │ before-triggers fired
//!    │                                                    no connection is left  ▼
//!    └─ run returns ◄─ Stopped ◄── after-triggers ◄─┬───────────────────── Disconnecting
//!                                                   └── CutOff ◄── Limits::linger ──┘
//!   any but Idle ── crash ──► Crashed ── run returns ──► Idle
//! ```
//!
//! Invariant: each stage is entered from the one before it, and in this file alone.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{NotRunning, Phase, Reason, SystemEvent};

use crate::core::Core;
use crate::core::stage::Stage;
use crate::core::tenant::Kind;
use crate::core::triggers::StageHolds;
use crate::stream::Stream;
use crate::sys::StreamSys;

/// The kinds of tenants whose last bytes the end of a run waits for.
const FLUSHING: [Kind; 4] = [Kind::Stream, Kind::Lingering, Kind::Pipe, Kind::Stdio];

/// Begins to run. The turns that follow find out when the triggers have fired.
pub(crate) fn start<S: StreamSys>(core: &Core<S>) {
    core.run_state.exit_signal.set(None);
    core.remote_queue.begin_run();
    core.run_state.enter_held(Stage::Starting);
    fire_before(core, SystemEvent::Startup, &core.run_state.holds);
}

/// Makes the run return after this turn.
pub(crate) fn crash<S: StreamSys>(core: &Core<S>) {
    if core.run_state.stage() != Stage::Idle {
        core.run_state.enter(Stage::Crashed);
        // The turn that this is called in waits no longer.
        core.remote_queue.wake();
    }
}

/// Fires an event by hand.
pub(crate) fn fire_event<S: StreamSys>(core: &Core<S>, event: SystemEvent) {
    match (event, core.run_state.stage()) {
        (SystemEvent::Startup, Stage::Idle) => {
            start(core);
            advance(core);
        }
        (SystemEvent::Shutdown, Stage::Idle | Stage::Starting | Stage::Running) => {
            core.run_state.enter_held(Stage::Stopping);
            let hold = core.run_state.holds.hold();
            fire_before(core, event, &core.run_state.holds);
            drop(hold);
        }
        _ => fire_all_phases(core, event),
    }
}

/// The three phases of an event that the stages of the run do not wait for.
fn fire_all_phases<S: StreamSys>(core: &Core<S>, event: SystemEvent) {
    let holds = Rc::<StageHolds>::default();
    let me = core.me.clone();
    let hold = holds.hold();
    holds.when_released(move || {
        if let Some(core) = me.upgrade() {
            fire(&core, Phase::During, event);
            fire(&core, Phase::After, event);
        }
    });
    fire_before(core, event, &holds);
    drop(hold);
}

/// Begins to stop; the turns that follow finish it.
///
/// # Errors
///
/// [`NotRunning`].
pub(crate) fn stop<S: StreamSys>(core: &Core<S>) -> Result<(), NotRunning> {
    match core.run_state.stage() {
        Stage::Running | Stage::Starting => {
            core.run_state.enter_held(Stage::Stopping);
            // Held by the call that fires the first triggers, which is not made inside this one: the
            // caller may be anywhere.
            let hold = core.run_state.holds.hold();
            let me = core.me.clone();
            let before = move || {
                if let Some(core) = me.upgrade() {
                    fire_before(&core, SystemEvent::Shutdown, &core.run_state.holds);
                }
                drop(hold);
            };
            core.call_later(Duration::ZERO, Box::new(before));
            Ok(())
        }
        Stage::Idle
        | Stage::Stopping
        | Stage::Disconnecting
        | Stage::CutOff
        | Stage::Stopped
        | Stage::Crashed => Err(NotRunning),
    }
}

/// Whether the next stage may come. A connection that is not over holds the end of the run back: its
/// last bytes are still on their way, and the end of the process would reset them.
#[inline(always)]
pub(crate) fn can_advance<S: StreamSys>(core: &Core<S>) -> bool {
    match core.run_state.stage() {
        Stage::Idle | Stage::Running | Stage::Stopped => false,
        stage => can_advance_from(core, stage),
    }
}

#[inline(never)]
fn can_advance_from<S: StreamSys>(core: &Core<S>, stage: Stage) -> bool {
    match stage {
        Stage::Starting | Stage::Stopping => !core.run_state.is_held(),
        Stage::Disconnecting => !FLUSHING.into_iter().any(|kind| core.has_kind(kind)),
        Stage::CutOff | Stage::Crashed => true,
        Stage::Idle | Stage::Running | Stage::Stopped => false,
    }
}

/// Goes on to the next stage, if nothing holds this one back. Called between turns.
pub(crate) fn advance<S: StreamSys>(core: &Core<S>) {
    if !can_advance(core) {
        return;
    }
    match core.run_state.stage() {
        Stage::Starting => {
            core.run_state.enter(Stage::Running);
            fire(core, Phase::During, SystemEvent::Startup);
            fire(core, Phase::After, SystemEvent::Startup);
        }
        Stage::Stopping => {
            fire(core, Phase::During, SystemEvent::Shutdown);
            core.run_state.enter(Stage::Disconnecting);
            begin_disconnecting(core);
        }
        Stage::Disconnecting | Stage::CutOff => {
            // Attempts and connections that were begun meanwhile.
            disconnect_all(core, &Reason::Stopped);
            fire(core, Phase::After, SystemEvent::Shutdown);
            core.jobs.close();
            core.run_state.enter(Stage::Stopped);
        }
        Stage::Idle | Stage::Running | Stage::Stopped | Stage::Crashed => {}
    }
}

/// After a turn that was made by hand: the next stage, and the end of a reactor that has stopped, when
/// all that it handed to other threads is told.
#[inline]
pub(crate) fn advance_by_hand<S: StreamSys>(core: &Core<S>) {
    if core.run_state.stage() != Stage::Idle && !core.run_state.in_run.get() {
        go_on(core);
    }
}

#[inline(never)]
fn go_on<S: StreamSys>(core: &Core<S>) {
    advance(core);
    match core.run_state.stage() {
        Stage::Stopped if !core.jobs.are_awaited() => end(core),
        Stage::Crashed => leave(core),
        _ => {}
    }
}

/// The run is over. What still waits may hold the reactor that owns it, so it is dropped. What is cancelled
/// by that is no news.
pub(crate) fn end<S: StreamSys>(core: &Core<S>) {
    deferred::quietly(|| drop_waiting(core));
    leave(core);
}

fn drop_waiting<S: StreamSys>(core: &Core<S>) {
    core.end_look_ups();
    let calls = core.timers.borrow_mut().take_all();
    calls.into_iter().for_each(|call| core.drop_guarded("timer", call));
    core.drop_tasks();
    core.jobs.take_all().into_iter().for_each(|done| core.drop_guarded("work of a thread", done));
    let awaited = core.remote_queue.end_run();
    awaited.into_iter().for_each(|call| core.drop_guarded("call from a thread", call));
}

/// The run has failed: ends what it holds, as at a stop.
pub(crate) fn fail<S: StreamSys>(core: &Core<S>) {
    core.run_state.enter(Stage::CutOff);
    disconnect_all(core, &Reason::Stopped);
}

/// Leaves the run, and the rest as it is.
pub(crate) fn leave<S: StreamSys>(core: &Core<S>) {
    core.run_state.in_run.set(false);
    core.run_state.enter(Stage::Idle);
}

/// Ends every connection in order, within one time for all of them together, and attempts and ports at
/// once.
fn begin_disconnecting<S: StreamSys>(core: &Core<S>) {
    let me = core.me.clone();
    let cut_off = move || {
        if let Some(core) = me.upgrade()
            && core.run_state.stage() == Stage::Disconnecting
        {
            core.run_state.enter(Stage::CutOff);
        }
    };
    // The end of the run drops it.
    drop(core.call_later(core.limits.linger, Box::new(cut_off)));
    let tokens = core.slots.borrow().tokens();
    for token in tokens {
        if let Some(tenant) = core.tenant(token) {
            tenant.drain(core);
        } else if let Some(stream) = Stream::find(core, token) {
            stream.drain(core);
        }
    }
}

/// Ends every connection and attempt, and closes every port, now.
pub(crate) fn disconnect_all<S: StreamSys>(core: &Core<S>, reason: &Reason) {
    let tokens = core.slots.borrow().tokens();
    for token in tokens {
        if let Some(stream) = Stream::find(core, token) {
            stream.close(core, reason);
        }
        // What lingers of the stream is one, too.
        if let Some(tenant) = core.tenant(token) {
            tenant.stop(core);
        }
    }
}

/// Calls the triggers whose Deferreds hold the next phase back. A trigger of the start may stop the
/// reactor, which no hold of the start delays.
fn fire_before<S: StreamSys>(core: &Core<S>, event: SystemEvent, holds: &Rc<StageHolds>) {
    let triggers = &core.run_state.triggers;
    let mark = triggers.mark();
    while let Some(call) = triggers.next(Phase::Before, event, mark) {
        drop(core.call("trigger", None, || call(Some(holds.hold()))));
    }
}

fn fire<S: StreamSys>(core: &Core<S>, phase: Phase, event: SystemEvent) {
    let triggers = &core.run_state.triggers;
    let mark = triggers.mark();
    while let Some(call) = triggers.next(phase, event, mark) {
        drop(core.call("trigger", None, || call(None)));
    }
}
