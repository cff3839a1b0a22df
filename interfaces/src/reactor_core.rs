//! A reactor's life: start, stop, and who wants to be told; Twisted's `IReactorCore`.
//!
//! Invariant: each system event passes its three phases once, in order, and a phase begins only when
//! all that the phase before it waits for has fired.

use alloc::boxed::Box;
use alloc::rc::Rc;

use deferred::Deferred;

/// The ability to be told of a reactor's start and end, and to end it. Running it is for the
/// program alone, so `run` is a method of the reactor itself.
pub trait ReactorCore {
    /// Whether the loop runs and was not told to stop.
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

    /// Takes a trigger back. Answers whether it was still there.
    fn remove_system_event_trigger(&self, id: TriggerId) -> bool;

    /// Calls at start-up, or on the next turn when the reactor runs already.
    fn call_when_running(&self, call: Box<dyn FnOnce()>);
}

/// What a system event calls.
pub type Trigger = Box<dyn FnOnce() -> Deferred<()>>;

/// When, relative to the event itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before it, while all still works: the phase that can be held back.
    Before,
    /// While it happens. At shutdown the connections are lost and the ports closed after these.
    During,
    /// When it is over.
    After,
}

/// What happens to a reactor once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemEvent {
    /// `run` was called.
    Startup,
    /// `stop` was called, or a signal came that stops.
    Shutdown,
}

/// Names one trigger of one reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TriggerId(pub u64);

/// A reactor was told to stop that does not run. Twisted's `ReactorNotRunning`.
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
