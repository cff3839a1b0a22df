//! The shutdown of a server: its ports close at the first signal, and its connections have the time of grace.
//!
//! Invariant: after the first signal no connection is accepted.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{ListeningPort, ReactorTime};
use protocol::policies::ConnectionCount;

pub(crate) use runner::Ending;

use crate::report;

/// Closes the ports at the first signal and waits for the connections.
pub(crate) struct Shutdown {
    ports: Rc<OpenPorts>,
    shutdown: Rc<runner::Shutdown>,
}

/// The ports that the first signal closes.
#[derive(Default)]
struct OpenPorts(RefCell<Vec<Rc<dyn ListeningPort>>>);

impl Shutdown {
    /// Calls `end` when the last connection has finished, or when `grace` has passed since the signal.
    pub(crate) fn new(
        clock: impl ReactorTime + 'static,
        connections: ConnectionCount,
        grace: Duration,
        end: impl Fn(Ending) + 'static,
    ) -> Rc<Self> {
        let ports = Rc::<OpenPorts>::default();
        let closing = ports.clone();
        let begin = move || {
            closing.close();
            connections.none_left()
        };
        Rc::new(Self { ports, shutdown: runner::Shutdown::new(clock, grace, begin, end) })
    }

    /// Adds ports for the first signal to close. After that signal they are closed at once.
    pub(crate) fn add_ports(&self, ports: &[Rc<dyn ListeningPort>]) {
        self.ports.0.borrow_mut().extend(ports.iter().cloned());
        if self.shutdown.has_begun() {
            self.ports.close();
        }
    }

    /// Takes a signal: the first one drains, the second one ends.
    pub(crate) fn signal(&self) {
        self.shutdown.signal();
    }
}

impl OpenPorts {
    fn close(&self) {
        let ports = self.0.take();
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
    use std::cell::Cell;

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
