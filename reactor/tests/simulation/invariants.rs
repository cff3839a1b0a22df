//! Each ready invariant finds the bug that it is for.
//!
//! Invariant: each of these programs has one bug, and fails by it under the first seed.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{
    Address, ConnectTcp, Deliver, Event, Factory, ListenTcp, Protocol, ReactorTcp, Reason,
    Transport,
};
use ropewalk_reactor::simulated::Faults;
use ropewalk_reactor::simulation::{ByteStream, SimulatedWorld, Simulation};

/// The failure of the first run.
fn failure_of(test: impl Fn(&SimulatedWorld)) -> String {
    Simulation::new().run(0..1, test).unwrap_err().what().to_owned()
}

fn connect(world: &SimulatedWorld, server: Rc<dyn Factory>, client: Rc<dyn Factory>) {
    let address: SocketAddr = "127.0.0.1:7".parse().unwrap();
    world.network().set_faults(Faults::harmless());
    world.reactor().listen_tcp(&ListenTcp::new(address), server).unwrap();
    drop(world.reactor().connect_tcp(&ConnectTcp::new(address), client));
}

/// Writes, closes, and does something wrong in one of its callbacks.
#[derive(Clone, Default)]
struct Talker {
    made: Option<fn()>,
    sent: Option<(ByteStream, &'static [u8], &'static [u8])>,
    received: Option<ByteStream>,
}

impl Protocol for Talker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        if let Some((stream, noted, written)) = &self.sent {
            stream.sent(noted);
            transport.write(written);
        }
        if let Some(act) = self.made {
            act();
        }
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        if let Some(stream) = &self.received {
            stream.received(data);
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        if let Some(stream) = self.received.as_ref().filter(|_| reason.is_clean()) {
            stream.closed_cleanly();
        }
    }
}

fn talkers(talker: Talker) -> Rc<dyn Factory> {
    protocol::factory_fn(move |_| talker.clone())
}

#[test]
fn a_panic_in_a_callback_is_told_with_its_place() {
    let panicking = Talker { made: Some(|| panic!("a wrong number")), ..Talker::default() };
    let what =
        failure_of(|world| connect(world, talkers(Talker::default()), talkers(panicking.clone())));
    assert!(
        what.contains("a protocol panicked at reactor/tests/simulation/invariants.rs:"),
        "{what}"
    );
    assert!(what.ends_with("a wrong number"), "{what}");
}

#[test]
fn a_panic_in_the_test_itself_is_told_with_its_place() {
    let what = failure_of(|_| panic!("not set up"));
    assert!(what.starts_with("the test panicked at ") && what.ends_with("not set up"), "{what}");
}

/// A client that is silent, and a server that sends `written` where it notes `noted`.
fn stream_failure(noted: &'static [u8], written: &'static [u8]) -> Option<String> {
    let test = |world: &SimulatedWorld| {
        let stream = world.byte_stream("the answer");
        let server = Talker { sent: Some((stream.clone(), noted, written)), ..Talker::default() };
        let client = Listener(stream);
        let client = protocol::factory_fn(move |_| client.clone());
        connect(world, world.checked(talkers(server)), world.checked(client));
    };
    Simulation::new().run(0..1, test).err().map(|failure| failure.what().to_owned())
}

/// Hears what it is sent to its end.
#[derive(Clone)]
struct Listener(ByteStream);

impl Protocol for Listener {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.0.received(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        if reason.is_clean() {
            self.0.closed_cleanly();
        }
    }
}

#[test]
fn bytes_that_are_lost_doubled_or_reordered_are_told() {
    assert_eq!(stream_failure(b"abc", b"abc"), None);
    let told = |noted, written| stream_failure(noted, written).unwrap();
    assert_eq!(told(b"abc", b"ab"), "the answer: a clean close after 2 bytes, and 1 are missing");
    assert_eq!(told(b"abc", b"acb"), "the answer: byte 1 is not the one that was sent");
    assert!(told(b"abc", b"abcc").ends_with("1 bytes more were received than the 3 sent"));
}

#[test]
fn a_deferred_that_does_not_fire_is_told_and_one_that_does_is_not() {
    let what = failure_of(|world| {
        let (deferred, promise) = Deferred::<u32>::new();
        drop(world.must_fire("the answer", deferred));
        std::mem::forget(promise);
    });
    assert!(what.starts_with("the answer: the Deferred has not fired"), "{what}");
    Simulation::new()
        .run(0..1, |world| {
            let (deferred, promise) = Deferred::<u32>::new();
            drop(world.must_fire("the answer", deferred));
            world.reactor().call_later(Duration::from_secs(5), move || promise.callback(1));
        })
        .unwrap();
}

#[test]
fn an_error_that_no_errback_takes_is_told_unless_it_is_allowed() {
    let refused = |world: &SimulatedWorld| {
        let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let client = talkers(Talker::default());
        drop(world.reactor().connect_tcp(&ConnectTcp::new(nowhere), client));
    };
    let what = failure_of(refused);
    assert!(what.contains("unhandled error") && what.contains("127.0.0.1:9"), "{what}");
    let allowed = |world: &SimulatedWorld| {
        world.allow_unhandled();
        refused(world);
    };
    Simulation::new().run(0..1, allowed).unwrap();
}

#[test]
fn a_connection_that_is_forgotten_is_told_unless_it_is_allowed() {
    let forgotten = |world: &SimulatedWorld| {
        let stream = world.byte_stream("nothing");
        let listener = protocol::factory_fn(move |_| Listener(stream.clone()));
        connect(world, listener.clone(), listener);
    };
    let what = failure_of(forgotten);
    assert_eq!(what, "nothing happens any more, and this is left: connections: 2");
    let allowed = |world: &SimulatedWorld| {
        world.allow_open();
        forgotten(world);
    };
    Simulation::new().run(0..1, allowed).unwrap();
}

/// A layer that delivers every event of a protocol's life twice.
struct Doubling(Rc<dyn Deliver>);

impl Deliver for Doubling {
    fn deliver(&self, event: Event<'_>) {
        let mut event = event.into_owned();
        self.0.deliver(event.as_event());
        self.0.deliver(event.as_event());
    }

    fn is_half_closeable(&self) -> bool {
        self.0.is_half_closeable()
    }
}

struct DoublingFactory(Rc<dyn Factory>);

impl Factory for DoublingFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        Some(Rc::new(Doubling(self.0.build_protocol(peer)?)))
    }
}

#[test]
fn a_layer_that_delivers_events_twice_is_told() {
    let what = failure_of(|world| {
        let checked = world.checked(talkers(Talker::default()));
        connect(world, Rc::new(DoublingFactory(checked)), talkers(Talker::default()));
    });
    assert!(what.ends_with("connection_made came twice"), "{what}");
}

#[test]
fn a_protocol_that_outlives_its_connection_is_told() {
    thread_local! {
        static KEPT: RefCell<Vec<Rc<dyn Deliver>>> = const { RefCell::new(Vec::new()) };
    }
    struct Keeping(Rc<dyn Factory>);
    impl Factory for Keeping {
        fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
            let protocol = self.0.build_protocol(peer)?;
            KEPT.with_borrow_mut(|kept| kept.push(protocol.clone()));
            Some(protocol)
        }
    }
    let what = failure_of(|world| {
        let checked = world.checked(talkers(Talker::default()));
        connect(world, Rc::new(Keeping(checked)), talkers(Talker::default()));
    });
    KEPT.with_borrow_mut(Vec::clear);
    assert_eq!(what, "1 protocols live on after their connections");
}

#[test]
fn an_invariant_of_ones_own_is_checked_after_every_turn_and_at_the_end() {
    let what = failure_of(|world| {
        let reactor = world.reactor().clone();
        world.always("no connection", move || match reactor.counts().streams {
            0 => Ok(()),
            more => Err(format!("{more}")),
        });
        connect(world, talkers(Talker::default()), talkers(Talker::default()));
    });
    assert_eq!(what, "no connection: 1");
    let what = failure_of(|world| world.at_end("the end", || Err("too early".to_owned())));
    assert_eq!(what, "the end: too early");
}
