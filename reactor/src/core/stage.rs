//! How far a reactor's run is, and what holds it back.
//!
//! Invariant: a stage is entered from the one before it; `run::lifetime` draws them and is the only
//! file that changes the stage.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{Phase, Reason, SystemEvent};

use super::Core;
use super::triggers::{StageHolds, Triggers};
use crate::sys::StreamSys;

/// How far a reactor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Starting,
    Running,
    Stopping,
    /// Every connection ends in order.
    Disconnecting,
    /// The time for that is over.
    CutOff,
    Stopped,
    /// The run is to return and to leave all as it is.
    Crashed,
}

/// A reactor's stage, what holds it back, and the triggers of the next ones.
pub(crate) struct RunState {
    stage: Cell<Stage>,
    pub(crate) holds: Rc<StageHolds>,
    pub(crate) triggers: Triggers,
    /// Inside of `run`, which goes from stage to stage; otherwise each turn that is made by hand does.
    pub(crate) in_run: Cell<bool>,
    /// The last signal of the present run, or of the one before, that stops a reactor.
    pub(crate) exit_signal: Cell<Option<i32>>,
}

impl Default for RunState {
    fn default() -> Self {
        let stage = Cell::new(Stage::Idle);
        Self {
            stage,
            holds: Rc::default(),
            triggers: Triggers::default(),
            in_run: Cell::new(false),
            exit_signal: Cell::new(None),
        }
    }
}

impl RunState {
    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Enters a stage.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.set(stage);
    }

    /// Enters a stage that triggers can hold back.
    pub(crate) fn enter_held(&self, stage: Stage) {
        self.stage.set(stage);
        self.holds.begin();
    }

    /// Whether a trigger holds this stage back.
    pub(crate) fn is_held(&self) -> bool {
        self.holds.is_held()
    }
}

impl Stage {
    /// Whether the run has begun to end what it holds, so that nothing new is taken.
    pub(crate) fn has_disconnected(self) -> bool {
        match self {
            Self::Disconnecting | Self::CutOff | Self::Stopped => true,
            Self::Idle | Self::Starting | Self::Running | Self::Stopping | Self::Crashed => false,
        }
    }

    /// Whether the run is to end.
    pub(crate) fn is_stopping(self) -> bool {
        self == Self::Stopping || self.has_disconnected()
    }

    /// The reason of what ends with all connections: the stop, or a call of
    /// [`disconnect_all`](crate::Reactor::disconnect_all) while the reactor runs on.
    pub(crate) fn reason_of_end(self) -> Reason {
        if self.is_stopping() { Reason::Stopped } else { Reason::Aborted }
    }
}

impl<S: StreamSys> Core<S> {
    /// Calls now, or when the reactor has started, which triggers may hold back.
    pub(crate) fn when_running(&self, call: Box<dyn FnOnce()>) {
        match self.run_state.stage() {
            Stage::Idle | Stage::Starting | Stage::Crashed => {
                let call = Box::new(|_| call());
                self.run_state.triggers.add_call(Phase::After, SystemEvent::Startup, call);
            }
            Stage::Running
            | Stage::Stopping
            | Stage::Disconnecting
            | Stage::CutOff
            | Stage::Stopped => call(),
        }
    }
}
