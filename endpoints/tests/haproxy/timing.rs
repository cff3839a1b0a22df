//! Deadlines, health checks, and the places of connections without a protocol.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use interfaces::{Address, Deliver, Event, Factory, Reason};
use protocol::testing::{Clock, Record, StringTransport};
use ropewalk_endpoints::haproxy::{ProxyFactory, ProxyServerOptions};

use crate::scene::{LOCAL, PROXY, Scene, V1, V2, address, recorder, recorders};

#[test]
fn a_header_has_5_seconds_in_total_however_it_drips() {
    let scene = Scene::new();
    for byte in &V1[..9] {
        scene.receive(&[*byte]);
        scene.pass(500);
    }
    assert!(!scene.transport.disconnecting());
    scene.receive(&V1[9..10]);
    scene.pass(500);
    assert!(scene.transport.aborting());
    scene.lose(Reason::Aborted);
    assert_eq!(scene.calls(), [""; 0]);
    let told = [format!("{PROXY}: its PROXY header was not complete in time")];
    assert_eq!(scene.refusals(), told);
}

#[test]
fn another_time_limit_counts_in_its_place() {
    let clock = Clock::new();
    let options = ProxyServerOptions::default().with_timeout(Duration::from_secs(3));
    let factory = ProxyFactory::new(recorders(&Record::new()), clock.clone(), options);
    let transport = StringTransport::new();
    let connection = factory.build_protocol(&address(PROXY)).unwrap();
    connection.deliver(Event::ConnectionMade(&transport.as_transport()));
    clock.advance(Duration::from_millis(2999));
    assert!(!transport.disconnecting());
    clock.advance(Duration::from_millis(1));
    assert!(transport.aborting());
}

#[test]
fn a_whole_header_ends_the_time_limit() {
    for header in [V1, V2, LOCAL] {
        let scene = Scene::new();
        scene.receive(header);
        scene.pass(60_000);
        assert!(!scene.transport.disconnecting());
        assert_eq!(scene.clock.delayed_calls().len(), 0);
    }
}

#[test]
fn a_balancers_connect_and_close_builds_nothing_and_is_not_told() {
    for reason in [Reason::Done, Reason::Lost(std::io::Error::other("reset").into())] {
        let scene = Scene::new();
        scene.pass(10);
        scene.lose(reason);
        assert_eq!((scene.built_for.borrow().len(), scene.refusals().len()), (0, 0));
        assert_eq!(scene.clock.delayed_calls().len(), 0);
    }
}

#[test]
fn a_health_check_with_its_header_builds_nothing_and_is_not_told() {
    let own = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n";
    for header in [LOCAL, b"PROXY UNKNOWN\r\n", own] {
        for reason in [Reason::Done, Reason::Lost(std::io::Error::other("reset").into())] {
            let scene = Scene::new();
            scene.receive(header);
            scene.pass(50);
            scene.lose(reason);
            scene.pass(60_000);
            assert_eq!((scene.built_for.borrow().len(), scene.refusals().len()), (0, 0));
        }
    }
}

#[test]
fn a_client_on_the_proxys_own_machine_is_no_health_check() {
    for header in [
        "PROXY TCP4 127.0.0.1 127.0.0.1 40001 80\r\n",
        "PROXY TCP4 127.0.0.1 127.0.0.1 40000 81\r\n",
    ] {
        let scene = Scene::new();
        scene.receive(header.as_bytes());
        assert_eq!(scene.calls(), ["connection_made"], "{header}");
    }
}

#[test]
fn a_check_that_waits_for_a_greeting_gets_it_after_100_ms() {
    let scene =
        Scene::of(|recorder| recorder.on_made(|transport| transport.write(b"220 mail\r\n")));
    scene.receive(LOCAL);
    scene.pass(99);
    assert_eq!(scene.transport.value(), b"");
    scene.pass(1);
    assert_eq!(scene.transport.value(), b"220 mail\r\n");
    scene.receive(b"QUIT\r\n");
    assert_eq!(scene.record.received(), b"QUIT\r\n");
    assert_eq!(scene.record.count("connection_made"), 1);
}

#[test]
fn a_stop_of_the_reactor_in_the_middle_of_a_header_is_not_told() {
    let scene = Scene::new();
    scene.receive(&V1[..10]);
    scene.lose(Reason::Stopped);
    assert_eq!((scene.calls().len(), scene.refusals().len()), (0, 0));
}

#[test]
fn a_connection_that_is_dropped_leaves_no_timer() {
    for bytes in [&b""[..], V1, LOCAL] {
        let scene = Scene::new();
        scene.receive(bytes);
        let Scene { clock, connection, .. } = scene;
        drop(connection);
        assert_eq!(clock.delayed_calls().len(), 0);
    }
}

/// A factory with room for one connection.
struct One {
    record: Record,
    open: Cell<usize>,
}

impl Factory for One {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        self.open.set(self.open.get() + 1);
        Some(recorder(&self.record))
    }

    fn poll_ready(&self, on_the_way: usize, _: &Waker) -> Poll<()> {
        match self.open.get() + on_the_way {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_connection_without_its_header_has_a_place_and_gives_it_back() {
    let one = Rc::new(One { record: Record::new(), open: Cell::new(0) });
    let clock = Clock::new();
    let factory = ProxyFactory::new(one.clone(), clock.clone(), ProxyServerOptions::default());
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let accept = || {
        assert_eq!(factory.poll_ready(0, &waker), Poll::Ready(()));
        let connection = factory.build_protocol(&address(PROXY)).unwrap();
        connection.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
        assert_eq!(factory.poll_ready(0, &waker), Poll::Pending);
        connection
    };
    let first = accept();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
    first.deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    let second = accept();
    second.deliver(Event::DataReceived(&mut V2.to_owned()));
    assert_eq!((one.open.get(), factory.poll_ready(0, &waker)), (1, Poll::Pending));
    second.deliver(Event::ConnectionLost(&Reason::Done));
    one.open.set(0);
    assert_eq!(factory.poll_ready(0, &waker), Poll::Ready(()));
}
