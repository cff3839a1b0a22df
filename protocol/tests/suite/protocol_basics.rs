//! Claims about protocols and factories that every program rests on: names, the transport, shared state, and
//! the adapters.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{
    Address, Deliver, Event, Factory, Observer, Protocol, ReactorEvent, StreamServerEndpoint as _,
    Transport,
};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder, StringTransport};
use ropewalk_protocol::{
    ConsumerToProtocol, FactoryFn, ProtocolRef, ProtocolToConsumer, connect_protocol, factory_fn,
};

use crate::support::result;

struct Greeter {
    greeting: Rc<str>,
    greeted: Rc<Cell<usize>>,
}

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.greeted.set(self.greeted.get() + 1);
        transport.write(self.greeting.as_bytes());
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

/// A factory with a name of its own type.
struct Bare;

impl Factory for Bare {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        None
    }
}

fn greeters(greeting: &str, greeted: &Rc<Cell<usize>>) -> Rc<dyn Factory> {
    let (greeting, greeted) = (Rc::from(greeting), greeted.clone());
    factory_fn(move |_| Greeter { greeting: Rc::clone(&greeting), greeted: greeted.clone() })
}

#[test]
fn the_log_prefix_of_a_protocol_and_of_a_factory_is_the_name_of_its_type() {
    assert_eq!(Greeter::log_prefix(), "Greeter");
    assert_eq!(Bare.log_prefix(), "Bare");
    // A factory of closures has no name that a program would know: it has that of its protocols.
    assert_eq!(greeters("", &Rc::default()).log_prefix(), "Greeter");
    let protocol = Greeter { greeting: "".into(), greeted: Rc::default() };
    assert_eq!(ProtocolRef::new(protocol).as_deliver().log_prefix(), "Greeter");
}

#[test]
fn connection_made_is_called_once_with_the_transport_in_place() {
    let record = Record::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let addresses = seen.clone();
    let recorder = Recorder::new(&record).on_made(move |transport| {
        addresses.borrow_mut().push(transport.peer());
    });
    let (protocol, transport) = (ProtocolRef::new(recorder), StringTransport::new());
    assert!(protocol.transport().is_none());
    let given = transport.as_transport();
    protocol.as_deliver().deliver(Event::ConnectionMade(&given));
    protocol.as_deliver().deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    assert_eq!(*seen.borrow(), [given.peer()]);
    let stored = protocol.transport().expect("it is connected");
    assert!(Rc::ptr_eq(&stored, &given));
}

#[test]
fn each_protocol_has_what_its_factory_was_given_and_shares_its_state() {
    let (network, greeted) = (Network::new(), Rc::new(Cell::new(0)));
    let server = network.server("svc");
    let _port = result(server.listen(greeters("good day", &greeted))).unwrap();
    for number in 1..=3 {
        let record = Record::new();
        let connecting = connect_protocol(&network.client("svc"), Recorder::new(&record));
        network.flush();
        assert!(result(connecting).is_ok());
        assert_eq!((record.received(), greeted.get()), (b"good day".to_vec(), number));
    }
}

/// Keeps what a port tells of its start and stop.
struct Noting(Rc<RefCell<Vec<String>>>);

impl Observer for Noting {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let line = match event {
            ReactorEvent::ListeningStarted { factory, address } => {
                format!("{factory} starts on {address}")
            }
            ReactorEvent::ListeningStopped { factory, address } => {
                format!("{factory} stops on {address}")
            }
            other => format!("{other:?}"),
        };
        self.0.borrow_mut().push(line);
    }
}

/// Twisted logs the first start and the last stop of a factory, without an address; here each port tells
/// of its own, with the factory's name.
#[test]
fn the_start_and_the_stop_of_a_factorys_ports_are_told_with_its_name() {
    let (network, log) = (Network::new(), Rc::<RefCell<Vec<String>>>::default());
    network.set_observer(Rc::new(Noting(log.clone())));
    let factory = FactoryFn::new(|_| Recorder::new(&Record::new())).into_rc();
    let ports = ["a", "b"].map(|name| {
        result(network.server(name).listen(factory.clone())).expect("nobody else listens")
    });
    for port in ports {
        let stopped = port.stop_listening();
        network.flush();
        assert!(result(stopped).is_ok());
    }
    let lines = [
        "Recorder starts on memory:a",
        "Recorder starts on memory:b",
        "Recorder stops on memory:a",
        "Recorder stops on memory:b",
    ];
    assert_eq!(*log.borrow(), lines);
}

#[test]
fn what_is_written_to_a_protocol_as_a_consumer_it_receives() {
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record));
    protocol.as_deliver().deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    let consumer = ProtocolToConsumer::new(protocol);
    consumer.write(b"hello ");
    consumer.write(b"world");
    assert_eq!(record.received(), b"hello world");
}

#[test]
fn what_a_consumer_receives_as_a_protocol_is_written_to_it() {
    let (consumer, network) = (StringTransport::new(), Network::new());
    let protocol = ProtocolRef::new(ConsumerToProtocol::new(consumer.as_transport()));
    let sender = Recorder::new(&Record::new()).on_made(|transport| transport.write(b"hello"));
    let pair = network.join(ProtocolRef::new(sender).as_deliver(), protocol.as_deliver());
    pair.flush();
    assert_eq!(consumer.value(), b"hello");
}
