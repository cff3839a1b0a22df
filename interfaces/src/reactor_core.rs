//! The start and the stop of a reactor, and their triggers; Twisted's `IReactorCore`.
//!
//! Invariant: each system event passes its three phases once, in order, and a phase begins only when
//! every Deferred of the phase before it has fired, as far as that phase waits.

use alloc::boxed::Box;
use alloc::rc::Rc;

use deferred::Deferred;

/// The ability to stop a reactor, and to have functions called at its start and stop. Only the program
/// runs it, so `run` is a method of the reactor itself.
#[doc(alias = "IReactorCore")]
pub trait ReactorCore {
    /// Whether the loop runs and `stop` was not called.
    fn running(&self) -> bool;

    /// Begins the shutdown: its triggers run, then `run` returns. Callable from inside any callback.
    ///
    /// # Errors
    ///
    /// [`NotRunning`].
    fn stop(&self) -> Result<(), NotRunning>;

    /// Makes `run` return after the present turn: no trigger runs, nothing is closed and nothing is
    /// dropped, and `run` may be called again and goes on. Of a reactor that does not run it is nothing.
    fn crash(&self);

    /// Fires an event now: its triggers before are called inside this call, those during and after it
    /// as soon as every Deferred of those has fired.
    ///
    /// `run` fires [`Startup`](SystemEvent::Startup), and `stop` fires
    /// [`Shutdown`](SystemEvent::Shutdown). A program that drives the reactor turn by turn fires them by
    /// hand: the one makes it running, the other ends it in the turns that follow. An event that has
    /// come already has only the triggers that were added since.
    #[doc(alias = "fireSystemEvent")]
    fn fire_system_event(&self, event: SystemEvent);

    /// Calls `trigger` when the reactor starts or shuts down. In [`Phase::Before`], what it returns
    /// holds the next phase back until it fires; in the other phases that is not waited for.
    #[doc(alias = "addSystemEventTrigger")]
    fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        trigger: Trigger,
    ) -> TriggerId;

    /// Removes a trigger. Returns whether it was registered.
    #[doc(alias = "removeSystemEventTrigger")]
    fn remove_system_event_trigger(&self, id: TriggerId) -> bool;

    /// Calls when the reactor has started, after the triggers of its start, however long those hold it
    /// back; or inside this call when the reactor runs already.
    #[doc(alias = "callWhenRunning")]
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

/// An event that has triggers: of the life of a reactor, or of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SystemEvent {
    /// `run` was called.
    Startup,
    /// `stop` was called, or a signal came that stops.
    Shutdown,
    /// An event of the program, by its name; only the program fires it.
    Named(&'static str),
}

/// Names one trigger of one reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TriggerId(pub u64);

/// The error of stopping a reactor that does not run. Twisted's `ReactorNotRunning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot stop the reactor: it does not run, or is stopping already")]
#[doc(alias = "ReactorNotRunning")]
pub struct NotRunning;

impl<R: ReactorCore + ?Sized> ReactorCore for Rc<R> {
    fn running(&self) -> bool {
        (**self).running()
    }

    fn stop(&self) -> Result<(), NotRunning> {
        (**self).stop()
    }

    fn crash(&self) {
        (**self).crash();
    }

    fn fire_system_event(&self, event: SystemEvent) {
        (**self).fire_system_event(event);
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
