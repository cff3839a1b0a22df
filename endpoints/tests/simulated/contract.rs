//! One connect from its beginning to the end of its connection, on the simulated network.
//!
//! Invariant: the peer is a protocol of this test.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    Address, ConnectError, Deliver, Factory, ListenTcp, Protocol, ReactorTcp as _, Reason,
    StreamClientEndpoint as _, Transport,
};
use protocol::testing::{FakeResolver, Record, Recorder};
use protocol::{ProtocolRef, connect_protocol, factory_fn};
use reactor::simulated::Faults;
use ropewalk_endpoints::{Host, TcpClientEndpoint};

use crate::world::{Answer, HOST, PORT, World};

const ADDRESS: &str = "10.0.0.1";

/// Its name and its address.
const HOSTS: [&str; 2] = [HOST, ADDRESS];

/// A world with a server at [`ADDRESS`], and what the server sees of its client.
fn served() -> (World, Record) {
    let world = World::new(1, Faults::none());
    let record = Record::new();
    let seen = record.clone();
    let factory = factory_fn(move |_| Recorder::new(&seen));
    let port = world.reactor.listen_tcp(&ListenTcp::new(([10, 0, 0, 1], PORT)), factory).unwrap();
    // It listens until the reactor is gone.
    std::mem::forget(port);
    world.reactor.system().set_host(HOST, [ADDRESS.parse().unwrap()]);
    (world, record)
}

fn endpoint(world: &World, host: &str) -> TcpClientEndpoint {
    let host: Host = host.parse().unwrap();
    TcpClientEndpoint::new(world.clone(), host, PORT)
}

fn turn(world: &World) {
    for _ in 0..10 {
        world.reactor.turn(Some(std::time::Duration::from_millis(1))).unwrap();
    }
}

/// Notes what is asked of it.
#[derive(Default)]
struct Noting {
    calls: RefCell<Vec<&'static str>>,
    declines: bool,
}

impl Factory for Noting {
    fn do_start(&self) {
        self.calls.borrow_mut().push("start");
    }

    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        self.calls.borrow_mut().push("build");
        let recorder = || ProtocolRef::new(Recorder::new(&Record::new())).as_deliver();
        (!self.declines).then(recorder)
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.calls.borrow_mut().push("stop");
        Ok(())
    }
}

/// Twisted keeps the factory in use until the connection is lost.
#[test]
fn the_factory_is_started_asked_for_a_protocol_and_stopped_and_has_no_other_hook() {
    for host in HOSTS {
        let (world, server) = served();
        let factory = Rc::new(Noting::default());
        let connecting = endpoint(&world, host).connect(factory.clone());
        world.wait(connecting).0.unwrap();
        assert_eq!(*factory.calls.borrow(), ["start", "build", "stop"], "{host}");
        server.transport().abort_connection();
        turn(&world);
        assert_eq!(factory.calls.borrow().len(), 3, "{host}");
    }
}

#[test]
fn a_factory_that_declines_fails_the_connect_and_the_connection_is_closed() {
    for host in HOSTS {
        let (world, server) = served();
        let factory = Rc::new(Noting { declines: true, ..Noting::default() });
        let (outcome, _) = world.wait(endpoint(&world, host).connect(factory.clone()));
        let failure = outcome.unwrap_err();
        let error = failure.downcast_ref::<ConnectError>().unwrap();
        let is_told = |error: &ConnectError| matches!(error, ConnectError::NoProtocol { .. });
        match error {
            ConnectError::AllFailed { attempts, .. } => {
                assert!(attempts[0].failure.downcast_ref().is_some_and(is_told), "{error}");
            }
            error => assert!(is_told(error), "{error}"),
        }
        turn(&world);
        assert_eq!(server.calls().last(), Some(&"connection_lost"), "{host}");
        assert_eq!(*factory.calls.borrow(), ["start", "build", "stop"], "{host}");
    }
}

#[test]
fn the_connect_fires_after_connection_made_and_not_before() {
    for host in HOSTS {
        let (world, _server) = served();
        let events = Rc::new(RefCell::new(Vec::new()));
        let (built, made, fired) = (events.clone(), events.clone(), events.clone());
        let factory = factory_fn(move |_| {
            built.borrow_mut().push("built");
            let made = made.clone();
            Recorder::new(&Record::new()).on_made(move |_| made.borrow_mut().push("made"))
        });
        let connecting = endpoint(&world, host).connect(factory).add_callback(move |()| {
            fired.borrow_mut().push("fired");
            Ok(())
        });
        world.wait(connecting).0.unwrap();
        assert_eq!(*events.borrow(), ["built", "made", "fired"], "{host}");
    }
}

struct PanicsWhenMade(Rc<RefCell<Option<Reason>>>);

impl Protocol for PanicsWhenMade {
    fn connection_made(&mut self, _: &Rc<dyn Transport>) {
        panic!("not today");
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.0.replace(Some(reason.clone()));
    }
}

/// In Twisted the result never fires, and the connection stays.
#[test]
fn a_panic_in_connection_made_ends_the_connection_and_the_connect_has_its_result() {
    for host in HOSTS {
        let (world, server) = served();
        let lost = Rc::new(RefCell::new(None));
        let protocol = PanicsWhenMade(lost.clone());
        drop(world.wait(connect_protocol(&endpoint(&world, host), protocol)));
        turn(&world);
        let reason = lost.take();
        assert!(matches!(reason, Some(Reason::Panicked(_))), "{host}: {reason:?}");
        assert_eq!(server.calls().last(), Some(&"connection_lost"), "{host}");
    }
}

#[test]
fn cancelling_what_is_connected_changes_nothing_for_protocol_and_transport() {
    for host in HOSTS {
        let (world, server) = served();
        let client = Record::new();
        let connecting = connect_protocol(&endpoint(&world, host), Recorder::new(&client));
        let handle = connecting.cancel_handle();
        let _connected = world.wait(connecting).0.map_err(|failure| failure.to_string()).unwrap();
        handle.cancel();
        client.transport().write(b"still here");
        turn(&world);
        assert_eq!(server.received(), b"still here", "{host}");
        assert_eq!(client.lost().map(|reason| reason.to_string()), None, "{host}");
    }
}

#[test]
fn a_resolver_that_is_installed_after_the_endpoint_was_made_is_asked() {
    let (world, server) = served();
    let endpoint = endpoint(&world, "elsewhere.example");
    let resolver = FakeResolver::new();
    resolver.set("elsewhere.example", [ADDRESS.parse().unwrap()]);
    world.reactor.install_resolver(Rc::new(resolver.clone()));
    let connecting = connect_protocol(&endpoint, Recorder::new(&Record::new()));
    let _connected = world.wait(connecting).0.map_err(|failure| failure.to_string()).unwrap();
    assert_eq!(resolver.asked(), ["elsewhere.example"]);
    turn(&world);
    assert_eq!(server.count("connection_made"), 1);
}

#[test]
fn a_name_with_one_address_of_either_family_connects_fails_and_is_cancelled_like_that_address() {
    for address in [ADDRESS, "2001:db8::1"] {
        for (answer, cancels) in
            [(Answer::Connects(10), false), (Answer::Refuses(10), false), (Answer::Dead, true)]
        {
            let world = World::new(1, Faults::none());
            world.set_addresses(&[(address, answer)]);
            let connecting =
                connect_protocol(&endpoint(&world, HOST), Recorder::new(&Record::new()));
            if cancels {
                let handle = connecting.cancel_handle();
                world
                    .reactor
                    .call_later(std::time::Duration::from_secs(1), move || handle.cancel());
            }
            let outcome = world.wait(connecting).0.map(|_| ());
            let is_expected = match (answer, &outcome) {
                (Answer::Connects(_), Ok(())) => true,
                (Answer::Refuses(_), Err(failure)) => failure.check::<ConnectError>(),
                (Answer::Dead, Err(failure)) => failure.check::<deferred::Cancelled>(),
                _ => false,
            };
            assert!(is_expected, "{address} {answer:?}: {outcome:?}");
            drop(outcome);
            world.end();
        }
    }
}
