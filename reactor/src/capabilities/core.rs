//! `ReactorCore`; Twisted's `IReactorCore`.
//!
//! Invariant: stopping only begins here; the turns that follow finish it.

use interfaces::{NotRunning, Phase, ReactorCore, SystemEvent, Trigger, TriggerId};

use crate::core::stage::Stage;
use crate::reactor::Reactor;
use crate::run::lifetime;
use crate::sys::StreamSys;

impl<S: StreamSys> ReactorCore for Reactor<S> {
    fn running(&self) -> bool {
        self.core().run_state.stage() == Stage::Running
    }

    fn stop(&self) -> Result<(), NotRunning> {
        lifetime::stop(self.core())
    }

    fn crash(&self) {
        lifetime::crash(self.core());
    }

    fn fire_system_event(&self, event: SystemEvent) {
        lifetime::fire_event(self.core(), event);
    }

    fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: Trigger,
    ) -> TriggerId {
        self.core().run_state.triggers.add(phase, event, trigger)
    }

    fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        self.core().run_state.triggers.remove(id)
    }

    fn call_when_running(&self, call: Box<dyn FnOnce()>) {
        self.core().when_running(call);
    }
}
