//! The shutdown of a server, signal by signal.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{Address, ListeningPort, UnixAddress};
use ropewalk_protocol::policies::{ConnectionCount, ServerShutdown};
use ropewalk_protocol::service::Ending;
use ropewalk_protocol::testing::Clock;

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
    shutdown: Rc<ServerShutdown>,
}

fn scene() -> Scene {
    let (clock, connections, port) =
        (Clock::new(), ConnectionCount::default(), Rc::new(Port::default()));
    let ends = Rc::new(RefCell::default());
    let log: Rc<RefCell<Vec<Ending>>> = ends.clone();
    let shutdown = ServerShutdown::new(
        clock.clone(),
        connections.clone(),
        Duration::from_secs(10),
        move |ending| log.borrow_mut().push(ending),
    )
    .into_rc();
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

#[test]
fn a_port_that_cannot_be_closed_in_order_is_told_and_the_others_are_closed() {
    struct Stuck;
    impl ListeningPort for Stuck {
        fn host(&self) -> Address {
            UnixAddress::Unnamed.into()
        }

        fn stop_listening(&self) -> Deferred<()> {
            Deferred::fail(Failure::new(std::io::Error::other("refuses to stop")))
        }
    }
    let told = Rc::new(RefCell::new(Vec::new()));
    let log = told.clone();
    let shutdown =
        ServerShutdown::new(Clock::new(), ConnectionCount::new(), Duration::ZERO, |_| {})
            .on_stop_failed(move |failure| log.borrow_mut().push(failure.to_string()))
            .into_rc();
    let port = Rc::new(Port::default());
    let ports: [Rc<dyn ListeningPort>; 2] = [Rc::new(Stuck), port.clone()];
    shutdown.add_ports(&ports);
    shutdown.signal();
    assert_eq!(
        (told.borrow().as_slice(), port.stopped.get()),
        (&["refuses to stop".to_owned()][..], 1)
    );
}
