//! The shutdown of a server: a signal, the grace time for its connections, the end.
//!
//! Invariant: `end` is called at most once with each [`Ending`], and after the first signal no
//! connection is accepted.
//!
//! ```text
//!           signal                none left, grace over, second signal
//!  Serving ────────▶ Draining ──────────────────────────────────────────▶ Ended
//! ```

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{DelayedCall, ListeningPort, ReactorTime};
use protocol::policies::ConnectionCount;

use crate::report;

/// Closes the ports at the first signal and waits for the connections.
pub(crate) struct Shutdown {
    clock: Rc<dyn ReactorTime>,
    connections: ConnectionCount,
    grace: Duration,
    ports: RefCell<Vec<Rc<dyn ListeningPort>>>,
    stage: Cell<Stage>,
    timer: RefCell<Option<DelayedCall>>,
    end: Box<dyn Fn(Ending)>,
}

/// How the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every connection has finished; the reactor may still send their last bytes.
    Drained,
    /// The grace is over: the remaining connections end in order, or with a reset where more was to come.
    GraceOver,
    /// The remaining connections are aborted.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    Draining,
    Ended(Ending),
}

impl Shutdown {
    /// Calls `end` when the last connection has finished, or when `grace` has passed since the signal.
    pub(crate) fn new(
        clock: impl ReactorTime + 'static,
        connections: ConnectionCount,
        grace: Duration,
        end: impl Fn(Ending) + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::new(clock),
            connections,
            grace,
            ports: RefCell::default(),
            stage: Cell::new(Stage::Serving),
            timer: RefCell::default(),
            end: Box::new(end),
        })
    }

    /// Adds ports for the first signal to close. After that signal they are closed at once.
    pub(crate) fn add_ports(&self, ports: &[Rc<dyn ListeningPort>]) {
        self.ports.borrow_mut().extend(ports.iter().cloned());
        match self.stage.get() {
            Stage::Serving => {}
            Stage::Draining | Stage::Ended(_) => self.close_ports(),
        }
    }

    /// Takes a signal: the first one drains, the second one ends.
    pub(crate) fn signal(self: &Rc<Self>) {
        match self.stage.get() {
            Stage::Serving => self.drain(),
            Stage::Draining | Stage::Ended(Ending::Drained | Ending::GraceOver) => {
                self.finish(Ending::Now);
            }
            Stage::Ended(Ending::Now) => {}
        }
    }

    fn drain(self: &Rc<Self>) {
        self.stage.set(Stage::Draining);
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
            Stage::Serving | Stage::Draining => {}
            Stage::Ended(Ending::Drained | Ending::GraceOver) if ending == Ending::Now => {}
            Stage::Ended(_) => return,
        }
        self.stage.set(Stage::Ended(ending));
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // The timer that called this is not pending, and then this fails.
            let _ = timer.cancel();
        }
        (self.end)(ending);
    }

    fn close_ports(&self) {
        let ports = self.ports.take();
        for port in ports {
            let _stopped = port.stop_listening().add_errback(|failure: Failure| {
                report::error(&failure);
                Ok(())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deferred::Deferred;
    use interfaces::{Address, UnixAddress};
    use protocol::testing::Clock;

    #[derive(Default)]
    struct Port {
        stopped: Cell<usize>,
    }

    impl ListeningPort for Port {
        fn host(&self) -> Address {
            UnixAddress::Unnamed.into()
        }

        fn stop_listening(&self) -> Deferred<()> {
            self.stopped.set(self.stopped.get() + 1);
            Deferred::succeed(())
        }
    }

    struct Scene {
        clock: Clock,
        connections: ConnectionCount,
        port: Rc<Port>,
        ends: Rc<RefCell<Vec<Ending>>>,
        shutdown: Rc<Shutdown>,
    }

    fn scene() -> Scene {
        let (clock, connections, port) =
            (Clock::new(), ConnectionCount::default(), Rc::new(Port::default()));
        let ends = Rc::new(RefCell::default());
        let log: Rc<RefCell<Vec<Ending>>> = ends.clone();
        let shutdown = Shutdown::new(
            clock.clone(),
            connections.clone(),
            Duration::from_secs(10),
            move |ending| log.borrow_mut().push(ending),
        );
        let ports: [Rc<dyn ListeningPort>; 1] = [port.clone()];
        shutdown.add_ports(&ports);
        Scene { clock, connections, port, ends, shutdown }
    }

    #[test]
    fn without_connections_the_first_signal_ends_it() {
        let scene = scene();
        scene.shutdown.signal();
        assert_eq!(scene.port.stopped.get(), 1);
        assert_eq!(*scene.ends.borrow(), [Ending::Drained]);
        scene.clock.advance(Duration::from_secs(60));
        assert_eq!(*scene.ends.borrow(), [Ending::Drained]);
    }

    #[test]
    fn a_second_signal_does_not_wait_for_last_bytes_and_a_third_changes_nothing() {
        let scene = scene();
        for _ in 0..3 {
            scene.shutdown.signal();
        }
        assert_eq!(scene.port.stopped.get(), 1);
        assert_eq!(*scene.ends.borrow(), [Ending::Drained, Ending::Now]);
    }

    #[test]
    fn a_connection_may_finish_after_the_port_is_closed() {
        let scene = scene();
        let connection = scene.connections.count();
        scene.shutdown.signal();
        assert_eq!((scene.port.stopped.get(), scene.ends.borrow().len()), (1, 0));
        scene.clock.advance(Duration::from_secs(9));
        assert_eq!(*scene.ends.borrow(), []);
        drop(connection);
        assert_eq!(*scene.ends.borrow(), [Ending::Drained]);
        scene.clock.advance(Duration::from_secs(60));
        assert_eq!(*scene.ends.borrow(), [Ending::Drained]);
    }

    #[test]
    fn a_connection_that_does_not_finish_has_the_time_of_grace() {
        let scene = scene();
        let _connection = scene.connections.count();
        scene.shutdown.signal();
        scene.clock.advance(Duration::from_millis(9_999));
        assert_eq!(*scene.ends.borrow(), []);
        scene.clock.advance(Duration::from_millis(1));
        assert_eq!(*scene.ends.borrow(), [Ending::GraceOver]);
        scene.shutdown.signal();
        assert_eq!(*scene.ends.borrow(), [Ending::GraceOver, Ending::Now]);
    }

    #[test]
    fn a_second_signal_ends_it_now() {
        let scene = scene();
        let _connection = scene.connections.count();
        scene.shutdown.signal();
        scene.shutdown.signal();
        assert_eq!(*scene.ends.borrow(), [Ending::Now]);
    }

    #[test]
    fn a_port_that_opens_after_the_signal_is_closed_at_once() {
        let scene = scene();
        let _connection = scene.connections.count();
        scene.shutdown.signal();
        let late = Rc::new(Port::default());
        let ports: [Rc<dyn ListeningPort>; 1] = [late.clone()];
        scene.shutdown.add_ports(&ports);
        assert_eq!(late.stopped.get(), 1);
    }
}
