//! Starting, running, stopping, and who is told; Twisted's `_ThreePhaseEvent` and `ReactorBase`.
//!
//! ```text
//!   Idle ── run ──► Starting ── before-triggers fired ──► Running ── stop ──► Stopping
//!    ▲                                                                           │ before-triggers
//!    └── run returns ◄── Stopped ◄── everything disconnected, after-triggers ◄───┘ fired, and no
//!                                                                                 socket lingers
//! ```
//!
//! Invariant: each state is entered from the one before it, and a trigger is taken out before it is
//! called.

use std::cell::{Cell, RefCell};

use deferred::Deferred;
use interfaces::{NotRunning, Phase, Reason, SystemEvent, Trigger, TriggerId};

use crate::core::{Core, Rare, Slot};
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

/// A reactor's stage, and who wants to be told of the next.
pub(crate) struct Lifetime {
    stage: Cell<Stage>,
    triggers: RefCell<Vec<Registered>>,
    next_id: Cell<u64>,
    /// How many of the phase's Deferreds have not fired.
    held_by: Cell<usize>,
    /// Counts starts and stops: what held one of them holds no later one.
    round: Cell<u64>,
}

struct Registered {
    id: TriggerId,
    phase: Phase,
    event: SystemEvent,
    trigger: Trigger,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Idle),
            triggers: RefCell::default(),
            next_id: Cell::new(0),
            held_by: Cell::new(0),
            round: Cell::new(0),
        }
    }
}

impl Lifetime {
    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Whether a stage that passes by itself is held back by no trigger.
    fn is_free(&self) -> bool {
        let passing = matches!(self.stage.get(), Stage::Starting | Stage::Stopping);
        passing && self.held_by.get() == 0
    }

    pub(crate) fn add(&self, phase: Phase, event: SystemEvent, trigger: Trigger) -> TriggerId {
        let id = TriggerId(self.next_id.get());
        self.next_id.set(id.0 + 1);
        self.triggers.borrow_mut().push(Registered { id, phase, event, trigger });
        id
    }

    pub(crate) fn remove(&self, id: TriggerId) -> bool {
        let mut triggers = self.triggers.borrow_mut();
        let Some(place) = triggers.iter().position(|registered| registered.id == id) else {
            return false;
        };
        let removed = triggers.remove(place);
        drop(triggers);
        drop(removed);
        true
    }

    /// The next trigger of a phase, of those that were added before `mark`. Taken out one by one,
    /// so that each may remove those after it.
    fn next(&self, phase: Phase, event: SystemEvent, mark: TriggerId) -> Option<Trigger> {
        let mut triggers = self.triggers.borrow_mut();
        let place = triggers.iter().position(|registered| {
            registered.phase == phase && registered.event == event && registered.id.0 < mark.0
        })?;
        Some(triggers.remove(place).trigger)
    }

    /// Takes all triggers; the caller drops them with nothing borrowed.
    pub(crate) fn take_all(&self) -> Vec<Trigger> {
        self.triggers.take().into_iter().map(|registered| registered.trigger).collect()
    }

    fn enter(&self, stage: Stage, held_by: usize) {
        self.stage.set(stage);
        self.held_by.set(held_by);
        self.round.set(self.round.get() + 1);
    }

    fn release(&self, round: u64) {
        if self.round.get() == round {
            self.held_by.set(self.held_by.get().saturating_sub(1));
        }
    }

    /// Above all triggers that were added so far.
    fn mark(&self) -> TriggerId {
        TriggerId(self.next_id.get())
    }
}

impl<S: Sys> Core<S> {
    /// Begins to run. The turns that follow find out when the triggers have fired.
    pub(crate) fn start_up(&self) {
        self.lifetime.enter(Stage::Starting, 0);
        self.fire_before(SystemEvent::Startup);
    }

    /// Begins to stop; the turns that follow finish it.
    pub(crate) fn stop(&self) -> Result<(), NotRunning> {
        match self.lifetime.stage() {
            Stage::Running | Stage::Starting => {
                // Held by the call that fires the first triggers.
                self.lifetime.enter(Stage::Stopping, 1);
                let round = self.lifetime.round.get();
                let core = self.me.clone();
                // Not inside this call: the caller may be anywhere.
                let before = move || {
                    if let Some(core) = core.upgrade() {
                        core.fire_before(SystemEvent::Shutdown);
                        core.lifetime.release(round);
                    }
                };
                self.call_later(std::time::Duration::ZERO, Box::new(before));
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
            let trigger = Box::new(|| {
                call();
                Deferred::succeed(())
            });
            self.lifetime.add(Phase::During, SystemEvent::Startup, trigger);
        } else {
            self.call_later(std::time::Duration::ZERO, call);
        }
    }

    fn fire_before(&self, event: SystemEvent) {
        let lifetime = &self.lifetime;
        let (round, mark) = (lifetime.round.get(), lifetime.mark());
        while let Some(trigger) = lifetime.next(Phase::Before, event, mark) {
            let called = self.call("trigger", None, trigger);
            // A trigger of the start may have stopped the reactor, which nothing of the start holds.
            let Ok(deferred) = called else { continue };
            if lifetime.round.get() != round {
                continue;
            }
            lifetime.held_by.set(lifetime.held_by.get() + 1);
            let core = self.me.clone();
            let release = move |outcome: Result<(), deferred::Failure>| {
                if let Some(core) = core.upgrade() {
                    core.lifetime.release(round);
                    core.shared.wake();
                }
                outcome
            };
            drop(deferred.add_both(release));
        }
    }

    fn fire(&self, phase: Phase, event: SystemEvent) {
        let mark = self.lifetime.mark();
        while let Some(trigger) = self.lifetime.next(phase, event, mark) {
            drop(self.call("trigger", None, trigger));
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
                        self.observe(&interfaces::Occurrence::Failed { attempt, error });
                    }
                }
                Some(Found::Attempt) => self.abandon_attempt(token),
                Some(Found::Stream(stream)) => self.finish(&stream, &Reason::Aborted),
                Some(Found::Lingering) => self.end_lingering(token),
            }
        }
    }
}

/// What a slot held, with nothing borrowed.
enum Found<S: Sys> {
    Stream(std::rc::Rc<crate::stream::Stream<S>>),
    Port(std::rc::Rc<crate::port::Port<S>>),
    Attempt,
    Lingering,
}

impl<S: Sys> Found<S> {
    fn of(slot: &Slot<S>) -> Self {
        match slot {
            Slot::Stream(running) => Self::Stream(running.stream.clone()),
            Slot::Rare(Rare::Port(port)) => Self::Port(port.clone()),
            Slot::Rare(Rare::Attempt(_)) => Self::Attempt,
            Slot::Rare(Rare::Lingering(_)) | Slot::Rare(Rare::Vacant) => Self::Lingering,
        }
    }
}
