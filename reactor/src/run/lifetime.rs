//! Starting, running, stopping, and who is told; Twisted's `_ThreePhaseEvent` and `ReactorBase`.
//!
//! ```text
//!   Idle ── run ──► Starting ── before-triggers fired ──► Running ── stop ──► Stopping
//!    ▲                                                                           │ before-triggers
//!    └── run returns ◄── Stopped ◄── everything disconnected, after-triggers ◄───┘ fired, and no
//!                                                                                 socket lingers
//! ```
//!
//! Invariant: each state is entered from the one before it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{NotRunning, Phase, Reason, SystemEvent};

use crate::connect::attempt::Attempt;
use crate::core::{Core, Rare, Slot};
use crate::listen::port::Port;
use crate::run::triggers::{Call, Holds, Triggers};
use crate::stream::Stream;
use crate::sys::Sys;

/// How far a reactor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Starting,
    Running,
    Stopping,
    Stopped,
}

/// A reactor's stage, what holds it back, and who wants to be told of the next.
pub(crate) struct Lifetime {
    stage: Cell<Stage>,
    holds: Rc<Holds>,
    pub(crate) triggers: Triggers,
}

impl Default for Lifetime {
    fn default() -> Self {
        let stage = Cell::new(Stage::Idle);
        Self { stage, holds: Rc::default(), triggers: Triggers::default() }
    }
}

impl Lifetime {
    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Whether a stage that passes by itself is held back by nothing.
    fn is_free(&self) -> bool {
        let passing = matches!(self.stage.get(), Stage::Starting | Stage::Stopping);
        passing && !self.holds.is_held()
    }

    /// Takes all triggers; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&self) -> Vec<Call> {
        self.triggers.take_all()
    }

    /// Enters a stage that can be held back.
    fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        self.holds.begin();
    }
}

impl<S: Sys> Core<S> {
    /// Begins to run. The turns that follow find out when the triggers have fired.
    pub(crate) fn start_up(&self) {
        self.lifetime.enter(Stage::Starting);
        self.fire_before(SystemEvent::Startup);
    }

    /// Begins to stop; the turns that follow finish it.
    pub(crate) fn stop(&self) -> Result<(), NotRunning> {
        match self.lifetime.stage() {
            Stage::Running | Stage::Starting => {
                self.lifetime.enter(Stage::Stopping);
                // Held by the call that fires the first triggers.
                let hold = self.lifetime.holds.hold();
                let core = self.me.clone();
                // Not inside this call: the caller may be anywhere.
                let before = move || {
                    if let Some(core) = core.upgrade() {
                        core.fire_before(SystemEvent::Shutdown);
                    }
                    drop(hold);
                };
                self.call_later(Duration::ZERO, Box::new(before));
                Ok(())
            }
            Stage::Idle | Stage::Stopping | Stage::Stopped => Err(NotRunning),
        }
    }

    /// Whether the next stage may come. A socket that lingers holds the end of the run back: what its
    /// protocol wrote last is still on its way, and the end of the process would reset it.
    pub(crate) fn can_advance(&self) -> bool {
        let lingers =
            || self.slots.borrow().tenants().any(|it| matches!(it, Slot::Rare(Rare::Lingering(_))));
        self.lifetime.is_free() && !(self.lifetime.stage() == Stage::Stopping && lingers())
    }

    /// Goes on to the next stage, if nothing holds this one back. Called between turns.
    pub(crate) fn advance(&self) {
        if !self.can_advance() {
            return;
        }
        match self.lifetime.stage() {
            Stage::Starting => {
                self.lifetime.stage.set(Stage::Running);
                self.fire(Phase::During, SystemEvent::Startup);
                self.fire(Phase::After, SystemEvent::Startup);
            }
            Stage::Stopping => {
                self.fire(Phase::During, SystemEvent::Shutdown);
                self.disconnect_all();
                self.fire(Phase::After, SystemEvent::Shutdown);
                self.works.close();
                self.lifetime.stage.set(Stage::Stopped);
            }
            Stage::Idle | Stage::Running | Stage::Stopped => {}
        }
    }

    /// The run is over. What still waits may hold the reactor that holds it, so it is let go of.
    pub(crate) fn end(&self) {
        let calls = self.timers.borrow_mut().take_all();
        calls.into_iter().for_each(|call| self.let_go("timer", call));
        self.let_go_of_tasks();
        self.works.take_all().into_iter().for_each(|done| self.let_go("work of a thread", done));
        self.lifetime.stage.set(Stage::Idle);
    }

    /// Calls on the next turn, or when the reactor starts.
    pub(crate) fn when_running(&self, call: Box<dyn FnOnce()>) {
        if self.lifetime.stage() == Stage::Idle {
            let call = Box::new(|_| call());
            self.lifetime.triggers.add_call(Phase::During, SystemEvent::Startup, call);
        } else {
            self.call_later(Duration::ZERO, call);
        }
    }

    /// Calls the triggers whose Deferreds hold the stage back. A trigger of the start may stop the
    /// reactor, which nothing of the start holds.
    fn fire_before(&self, event: SystemEvent) {
        let Lifetime { holds, triggers, .. } = &self.lifetime;
        let mark = triggers.mark();
        while let Some(call) = triggers.next(Phase::Before, event, mark) {
            drop(self.call("trigger", None, || call(Some(holds.hold()))));
        }
    }

    fn fire(&self, phase: Phase, event: SystemEvent) {
        let triggers = &self.lifetime.triggers;
        let mark = triggers.mark();
        while let Some(call) = triggers.next(phase, event, mark) {
            drop(self.call("trigger", None, || call(None)));
        }
    }

    /// Ends every connection and attempt, and closes every port, now.
    pub(crate) fn disconnect_all(&self) {
        let tokens = self.slots.borrow().tokens();
        for token in tokens {
            let slot = self.slots.borrow().find(token).map(Found::of);
            match slot {
                None => {}
                Some(Found::Port(port)) => {
                    if let Err(failure) = port.close(self) {
                        let error = failure.as_error();
                        let attempt = "closing a port";
                        self.observe(&interfaces::ReactorEvent::Failed { attempt, error });
                    }
                }
                Some(Found::Attempt(attempt)) => attempt.abandon(self),
                Some(Found::Stream(stream)) => self.finish(&stream, &Reason::Aborted),
                Some(Found::Lingering) => self.end_lingering(token),
            }
        }
    }
}

/// What a slot held, with nothing borrowed.
enum Found<S: Sys> {
    Stream(Rc<Stream<S>>),
    Port(Rc<Port<S>>),
    Attempt(Rc<Attempt<S>>),
    Lingering,
}

impl<S: Sys> Found<S> {
    fn of(slot: &Slot<S>) -> Self {
        match slot {
            Slot::Stream(running) => Self::Stream(running.stream.clone()),
            Slot::Rare(Rare::Port(port)) => Self::Port(port.clone()),
            Slot::Rare(Rare::Attempt(attempt)) => Self::Attempt(attempt.clone()),
            Slot::Rare(Rare::Lingering(_)) | Slot::Rare(Rare::Vacant) => Self::Lingering,
        }
    }
}
