//! Claims about factories made of closures: their hooks, counted over ports and attempts.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{
    ConnectError, Factory, ListeningPort, Protocol, StreamClientEndpoint, StreamServerEndpoint,
    Transport,
};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder};
use ropewalk_protocol::{FactoryFn, ProtocolRef, WeakProtocolRef, factory_cyclic};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

fn result<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    deferred.try_into_result().unwrap_or_else(|_| panic!("it has not fired"))
}

fn result_of_pumping<T: 'static>(network: &Network, deferred: Deferred<T>) -> Result<T, Failure> {
    network.flush();
    result(deferred)
}

fn listening(network: &Network, factory: Rc<dyn Factory>) -> Rc<dyn ListeningPort> {
    result(network.server("svc").listen(factory)).expect("nobody else listens there")
}

/// A factory that counts, and whose stop fails when told so.
fn counting(fails: bool) -> (Rc<dyn Factory>, Rc<RefCell<Vec<&'static str>>>) {
    let log = Rc::<RefCell<Vec<&'static str>>>::default();
    let (starts, stops) = (log.clone(), log.clone());
    let factory = FactoryFn::new(|_| Echo)
        .on_start(move || starts.borrow_mut().push("start"))
        .on_stop(move || {
            stops.borrow_mut().push("stop");
            if fails { Err(Cancelled.into()) } else { Ok(()) }
        });
    (factory.into_rc(), log)
}

#[test]
fn one_factory_of_three_ports_starts_with_the_first_and_stops_with_the_last() {
    let network = Network::new();
    let (factory, log) = counting(false);
    let listen = |name| result(network.server(name).listen(factory.clone())).unwrap();
    let ports = ["a", "b", "c"].map(listen);
    assert_eq!(*log.borrow(), ["start"]);
    for port in &ports[..2] {
        result_of_pumping(&network, port.stop_listening()).unwrap();
    }
    assert_eq!(*log.borrow(), ["start"]);
    let seen = log.clone();
    let stopped = ports[2].stop_listening().add_callback(move |()| Ok(seen.borrow().len()));
    assert_eq!(result_of_pumping(&network, stopped).unwrap(), 2, "before it fires");
    let _again = listen("a");
    assert_eq!(*log.borrow(), ["start", "stop", "start"]);
}

#[test]
fn a_stop_hook_that_fails_fails_the_stop() {
    let network = Network::new();
    let (factory, _log) = counting(true);
    let port = listening(&network, factory);
    let stopping = port.stop_listening();
    assert!(result_of_pumping(&network, stopping).unwrap_err().check::<Cancelled>());
}

#[test]
fn a_stop_hook_that_panics_fails_the_stop_where_panics_are_caught() {
    let network = crate::support::catching();
    let factory = FactoryFn::new(|_| Echo).on_stop(|| panic!("as planned")).into_rc();
    let stopping = listening(&network, factory).stop_listening();
    let failure = result_of_pumping(&network, stopping).unwrap_err();
    assert_eq!(failure.to_string(), "the factory panicked while it was stopped: as planned");
}

#[test]
fn a_stop_without_its_start_is_ignored() {
    let (factory, log) = counting(true);
    factory.do_stop().unwrap();
    assert!(log.borrow().is_empty());
    factory.do_start();
    factory.do_stop().unwrap_err();
    factory.do_stop().unwrap();
    assert_eq!(*log.borrow(), ["start", "stop"]);
}

#[test]
fn attempts_use_their_factory_from_connect_until_they_are_decided() {
    let network = Network::new();
    let (factory, log) = counting(false);
    let refused = network.client("nobody").connect(factory.clone());
    assert_eq!(*log.borrow(), ["start"]);
    assert!(result_of_pumping(&network, refused).unwrap_err().check::<ConnectError>());
    assert_eq!(*log.borrow(), ["start", "stop"]);
    let cancelled = network.client("nobody").connect(factory);
    cancelled.cancel_handle().cancel();
    assert!(result(cancelled).unwrap_err().check::<Cancelled>());
    assert_eq!(*log.borrow(), ["start", "stop", "start", "stop"]);
}

#[test]
fn a_factory_builds_what_its_closure_makes_and_both_are_called_so() {
    let peer = interfaces::Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    let factory = ropewalk_protocol::factory_fn(|_| Echo);
    assert_eq!(factory.log_prefix(), "Echo");
    let transport = ropewalk_protocol::testing::StringTransport::new();
    let handle = transport.as_transport();
    for _ in 0..2 {
        let running = factory.build_protocol(&peer).expect("it refuses none");
        assert_eq!(running.log_prefix(), "Echo");
        running.deliver(interfaces::Event::ConnectionMade(&handle));
        running.deliver(interfaces::Event::DataReceived(&mut b"ping".to_vec()));
    }
    assert_eq!(transport.value(), b"pingping");
}

/// Counts its messages by a call to itself, and says how many there were.
struct Counter {
    me: WeakProtocolRef<Counter>,
    greeting: &'static str,
    messages: usize,
}

impl Protocol for Counter {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(self.greeting.as_bytes());
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
        self.me.enter_with(|counter, transport| {
            counter.messages += 1;
            transport.write(format!("{}", counter.messages).as_bytes());
        });
    }
}

#[test]
fn a_cyclic_factory_gives_each_protocol_the_reference_to_itself() {
    let network = Network::new();
    let _port = listening(
        &network,
        factory_cyclic(|me, _| Counter { me: me.clone(), greeting: "hello ", messages: 0 }),
    );
    let answers = ["a", "b"].map(|name| {
        let record = Record::new();
        let client = Recorder::new(&record);
        let asker = ropewalk_protocol::connect_protocol(&network.client("svc"), client);
        let asker: ProtocolRef<Recorder> = result_of_pumping(&network, asker).unwrap();
        asker.transport().unwrap().write(name.as_bytes());
        network.flush();
        record.received()
    });
    assert_eq!(answers, [b"hello 1", b"hello 1"], "each counts for itself");
}
