//! [`ServerShutdown`]: the end of a server: its ports close at the first signal, and its connections have a time
//! of grace.
//!
//! Invariant: after the first signal no connection is accepted.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{OnceCell, RefCell};
use core::fmt;
use core::time::Duration;

use deferred::Failure;
use interfaces::{ListeningPort, ReactorTime};

use super::ConnectionCount;
use crate::service::{Ending, Shutdown};

/// Closes the ports at the first signal and waits for the connections, for a program that decides what their
/// end is. A single port has it all in [`ServerPort::drain`](super::ServerPort::drain).
#[derive(Debug)]
pub struct ServerShutdown {
    ports: Rc<OpenPorts>,
    shutdown: Rc<Shutdown>,
}

/// The ports that the first signal closes.
#[derive(Default)]
struct OpenPorts {
    ports: RefCell<Vec<Rc<dyn ListeningPort>>>,
    stop_failed: OnceCell<Box<dyn Fn(&Failure)>>,
}

impl ServerShutdown {
    /// Calls `end` when the last of `connections` has finished, or when `grace` has passed since the signal.
    pub fn new(
        clock: impl ReactorTime + 'static,
        connections: ConnectionCount,
        grace: Duration,
        end: impl Fn(Ending) + 'static,
    ) -> Self {
        let ports = Rc::<OpenPorts>::default();
        let open = ports.clone();
        let begin = move || {
            open.close();
            connections.none_left()
        };
        Self { ports, shutdown: Shutdown::new(clock, grace, begin, end) }
    }

    /// Calls `stop_failed` with the failure of a port that could not be closed in order. Once.
    #[must_use]
    pub fn on_stop_failed(self, stop_failed: impl Fn(&Failure) + 'static) -> Self {
        let _ = self.ports.stop_failed.set(Box::new(stop_failed));
        self
    }

    /// Done: what signals are given to.
    pub fn into_rc(self) -> Rc<Self> {
        Rc::new(self)
    }

    /// Adds ports for the first signal to close. After that signal they are closed at once.
    pub fn add_ports(&self, ports: &[Rc<dyn ListeningPort>]) {
        self.ports.ports.borrow_mut().extend(ports.iter().cloned());
        if self.shutdown.has_begun() {
            self.ports.close();
        }
    }

    /// Takes a signal: the first one drains, the second one ends.
    pub fn signal(&self) {
        self.shutdown.signal();
    }
}

impl OpenPorts {
    fn close(self: &Rc<Self>) {
        let ports = self.ports.take();
        for port in ports {
            let this = self.clone();
            let _stopped = port.stop_listening().add_errback(move |failure: Failure| {
                if let Some(stop_failed) = this.stop_failed.get() {
                    stop_failed(&failure);
                }
                Ok(())
            });
        }
    }
}

impl fmt::Debug for OpenPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenPorts").finish_non_exhaustive()
    }
}
