//! The start and the stop of a reactor, and their triggers; Twisted's `IReactorCore`.
//!
//! Invariant: each system event passes its three phases once, in order, and a phase begins only when
//! every Deferred of the phase before it has fired, as far as that phase waits.

use alloc::boxed::Box;
use alloc::rc::Rc;

use deferred::Deferred;

/// The ability to stop a reactor, and to have functions called at its start and stop. Only the program
/// runs it, so `run` is a method of the reactor itself.
pub trait ReactorCore {
    /// Whether the loop runs and `stop` was not called.
    fn running(&self) -> bool;

    /// Begins the shutdown: its triggers run, then `run` returns. Callable from inside any callback.
    ///
    /// # Errors
    ///
    /// [`NotRunning`].
    fn stop(&self) -> Result<(), NotRunning>;

    /// Calls `trigger` when the reactor starts or shuts down. In [`Phase::Before`], what it returns
    /// holds the next phase back until it fires; in the other phases that is not waited for.
    fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: Trigger,
    ) -> TriggerId;

    /// Removes a trigger. Returns whether it was registered.
    fn remove_system_event_trigger(&self, id: TriggerId) -> bool;

    /// Calls when the reactor has started, after the triggers of its start, however long those hold it
    /// back; or on the next turn when the reactor runs already.
    fn call_when_running(&self, call: Box<dyn FnOnce()>);
}

/// The function that a system event calls.
pub type Trigger = Box<dyn FnOnce() -> Deferred<()>>;

/// The time of a trigger, relative to its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before the event: the phase that a trigger's Deferred can hold back.
    Before,
    /// During the event. At shutdown, connections are lost and ports closed after these triggers.
    During,
    /// After the event.
    After,
}

/// An event in the life of a reactor that has triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SystemEvent {
    /// `run` was called.
    Startup,
    /// `stop` was called, or a signal came that stops.
    Shutdown,
}

/// Names one trigger of one reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TriggerId(pub u64);

/// The error of stopping a reactor that does not run. Twisted's `ReactorNotRunning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot stop the reactor: it does not run, or is stopping already")]
pub struct NotRunning;

impl<R: ReactorCore + ?Sized> ReactorCore for Rc<R> {
    fn running(&self) -> bool {
        (**self).running()
    }

    fn stop(&self) -> Result<(), NotRunning> {
        (**self).stop()
    }

    fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: Trigger,
    ) -> TriggerId {
        (**self).add_system_event_trigger(phase, event, trigger)
    }

    fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        (**self).remove_system_event_trigger(id)
    }

    fn call_when_running(&self, call: Box<dyn FnOnce()>) {
        (**self).call_when_running(call);
    }
}
