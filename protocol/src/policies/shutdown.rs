//! [`Shutdown`]: the end of a server: a signal, the grace time for its connections, the end.
//!
//! Invariant: `end` is called at most once with each [`Ending`], and after the first signal no
//! connection is accepted.
//!
//! ```text
//!           signal                none left, grace over, second signal
//!  Serving ────────▶ Draining ──────────────────────────────────────────▶ Ended
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;

use deferred::Failure;
use interfaces::{DelayedCall, ListeningPort, ReactorTime};

use super::ConnectionCount;

/// Closes the ports at the first signal and waits for the connections, for a program that decides what their
/// end is. A single port has it all in [`ServerPort::drain`](super::ServerPort::drain).
pub struct Shutdown {
    clock: Rc<dyn ReactorTime>,
    connections: ConnectionCount,
    grace: Duration,
    ports: RefCell<Vec<Rc<dyn ListeningPort>>>,
    stage: Cell<ShutdownStage>,
    timer: RefCell<Option<DelayedCall>>,
    end: Box<dyn Fn(Ending)>,
    stop_failed: Box<dyn Fn(&Failure)>,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every connection has finished; their last bytes may still be on their way.
    Drained,
    /// The grace is over, and some have not: end them in order, or with a reset where more was to come.
    GraceOver,
    /// A second signal: abort those that are left.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShutdownStage {
    Serving,
    Draining,
    Ended(Ending),
}

impl Shutdown {
    /// Calls `end` when the last of `connections` has finished, or when `grace` has passed since the signal.
    pub fn new(
        clock: impl ReactorTime + 'static,
        connections: ConnectionCount,
        grace: Duration,
        end: impl Fn(Ending) + 'static,
    ) -> Self {
        Self {
            clock: Rc::new(clock),
            connections,
            grace,
            ports: RefCell::default(),
            stage: Cell::new(ShutdownStage::Serving),
            timer: RefCell::default(),
            end: Box::new(end),
            stop_failed: Box::new(|_| {}),
        }
    }

    /// Calls `stop_failed` with the failure of a port that could not be closed in order.
    #[must_use]
    pub fn on_stop_failed(mut self, stop_failed: impl Fn(&Failure) + 'static) -> Self {
        self.stop_failed = Box::new(stop_failed);
        self
    }

    /// Done: what signals are given to.
    pub fn into_rc(self) -> Rc<Self> {
        Rc::new(self)
    }

    /// Adds ports for the first signal to close. After that signal they are closed at once.
    pub fn add_ports(self: &Rc<Self>, ports: &[Rc<dyn ListeningPort>]) {
        self.ports.borrow_mut().extend(ports.iter().cloned());
        match self.stage.get() {
            ShutdownStage::Serving => {}
            ShutdownStage::Draining | ShutdownStage::Ended(_) => self.close_ports(),
        }
    }

    /// Takes a signal: the first one drains, the second one ends.
    pub fn signal(self: &Rc<Self>) {
        match self.stage.get() {
            ShutdownStage::Serving => self.drain(),
            ShutdownStage::Draining | ShutdownStage::Ended(Ending::Drained | Ending::GraceOver) => {
                self.finish(Ending::Now);
            }
            ShutdownStage::Ended(Ending::Now) => {}
        }
    }

    fn drain(self: &Rc<Self>) {
        self.stage.set(ShutdownStage::Draining);
        self.close_ports();
        let this = self.clone();
        let timer =
            self.clock.call_later(self.grace, Box::new(move || this.finish(Ending::GraceOver)));
        self.timer.replace(Some(timer));
        let this = self.clone();
        // It is not cancelled, so it cannot fail.
        let _drained = self.connections.none_left().add_callback(move |()| {
            this.finish(Ending::Drained);
            Ok(())
        });
    }

    fn finish(&self, ending: Ending) {
        match self.stage.get() {
            ShutdownStage::Serving | ShutdownStage::Draining => {}
            ShutdownStage::Ended(Ending::Drained | Ending::GraceOver) if ending == Ending::Now => {}
            ShutdownStage::Ended(_) => return,
        }
        self.stage.set(ShutdownStage::Ended(ending));
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // The timer that called this is not pending, and then this fails.
            let _ = timer.cancel();
        }
        (self.end)(ending);
    }

    fn close_ports(self: &Rc<Self>) {
        let ports = self.ports.take();
        for port in ports {
            let this = self.clone();
            let _stopped = port.stop_listening().add_errback(move |failure: Failure| {
                (this.stop_failed)(&failure);
                Ok(())
            });
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("stage", &self.stage.get()).finish_non_exhaustive()
    }
}
