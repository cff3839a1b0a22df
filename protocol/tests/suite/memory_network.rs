//! Claims about listening and connecting in memory, about factories, and about `connect_protocol`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{
    Address, ConnectError, Factory, ListenError, ListeningPort, OsError, Protocol, ReactorTime,
    StreamClientEndpoint, StreamServerEndpoint, Transport,
};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, Record, Recorder};
use ropewalk_protocol::{FactoryFn, ProtocolRef, connect_protocol, connect_ref, factory_fn};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

fn recorders(record: &Record) -> Rc<dyn Factory> {
    let record = record.clone();
    factory_fn(move |_| Recorder::new(&record))
}

fn result<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    deferred.try_into_result().unwrap_or_else(|_| panic!("it has not fired"))
}

fn listening(network: &Network, factory: Rc<dyn Factory>) -> Rc<dyn ListeningPort> {
    result(network.server("svc").listen(factory)).expect("nobody else listens there")
}

#[test]
fn connect_protocol_fires_with_the_protocol_when_its_connection_made_has_returned() {
    let network = Network::new();
    let port = listening(&network, factory_fn(|_| Echo));
    let record = Record::new();
    let client = network.client("svc");
    let connecting = connect_protocol(
        &client,
        Recorder::new(&record).on_made(|transport| {
            transport.write(b"hello");
        }),
    );
    assert!(!connecting.is_fired(), "nothing happens by itself");
    network.pump();
    assert_eq!(record.calls(), ["connection_made"]);
    let protocol = result(connecting).unwrap();
    assert_eq!(protocol.transport().unwrap().peer(), port.host());
    network.flush();
    assert_eq!(record.received(), b"hello");
    protocol.enter_with(|_, transport| transport.lose_connection());
    network.flush();
    assert_eq!(network.connections(), 0);
    assert!(protocol.transport().is_none());
}

#[test]
fn the_factories_see_the_address_of_the_other_side_once() {
    let network = Network::new();
    let seen = Rc::<RefCell<Vec<Address>>>::default();
    let server_saw = seen.clone();
    let (server, client) = (Record::new(), Record::new());
    let record = server.clone();
    let port = listening(
        &network,
        factory_fn(move |peer| {
            server_saw.borrow_mut().push(peer.clone());
            Recorder::new(&record)
        }),
    );
    let (client_saw, record) = (seen.clone(), client.clone());
    let factory = factory_fn(move |peer| {
        client_saw.borrow_mut().push(peer.clone());
        Recorder::new(&record)
    });
    result_of_pumping(&network, network.client("svc").connect(factory)).unwrap();
    let expected = [client.transport().host(), port.host()];
    assert_eq!(*seen.borrow(), expected);
    assert_eq!(server.transport().peer(), client.transport().host());
    assert_eq!(server.transport().host(), port.host());
}

fn result_of_pumping<T: 'static>(network: &Network, deferred: Deferred<T>) -> Result<T, Failure> {
    network.flush();
    result(deferred)
}

fn connect_error(failure: Result<(), Failure>) -> ConnectError {
    let failure = failure.expect_err("it was to fail");
    failure.downcast_ref::<ConnectError>().expect("a connection failed").clone()
}

#[test]
fn connecting_to_a_name_that_nobody_listens_on_is_refused() {
    let network = Network::new();
    let connecting = network.client("nobody").connect(recorders(&Record::new()));
    let error = connect_error(result_of_pumping(&network, connecting));
    assert_eq!(error.to_string(), "cannot connect to memory:nobody");
    let ConnectError::Refused { source, .. } = error else { panic!("{error:?}") };
    let system = std::io::Error::from_raw_os_error(source.raw_os_error());
    assert_eq!(system.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_name_in_use_cannot_be_listened_on_until_its_port_has_stopped() {
    let network = Network::new();
    let starts = Rc::new(Cell::new(0));
    let factory = || {
        let starts = starts.clone();
        FactoryFn::new(|_| Echo).on_start(move || starts.set(starts.get() + 1)).into_rc()
    };
    let port = listening(&network, factory());
    let failure = result(network.server("svc").listen(factory())).map(drop).unwrap_err();
    let error = failure.trap::<ListenError>().unwrap();
    assert_eq!(error.to_string(), "cannot listen on memory:svc");
    let source = std::error::Error::source(&*error).and_then(|source| source.downcast_ref());
    let source: &OsError = source.unwrap();
    let system = std::io::Error::from_raw_os_error(source.raw_os_error());
    assert_eq!(system.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(starts.get(), 1, "a listen that failed leaves nothing behind");
    let stopping = port.stop_listening();
    result_of_pumping(&network, stopping).unwrap();
    listening(&network, factory());
}

#[test]
fn a_stopped_port_accepts_no_more_and_its_connections_go_on() {
    let network = Network::new();
    let port = listening(&network, factory_fn(|_| Echo));
    let record = Record::new();
    result_of_pumping(&network, network.client("svc").connect(recorders(&record))).unwrap();
    let stopping = port.stop_listening();
    let again = port.stop_listening();
    let refused = network.client("svc").connect(recorders(&Record::new()));
    result_of_pumping(&network, stopping).unwrap();
    result(again).unwrap();
    result(port.stop_listening()).unwrap();
    connect_error(result(refused));
    record.transport().write(b"still here");
    network.flush();
    assert_eq!(record.received(), b"still here");
}

#[test]
fn a_port_may_be_stopped_from_inside_its_own_factory() {
    let network = Network::new();
    let port = Rc::new(RefCell::new(None::<Rc<dyn ListeningPort>>));
    let stopped = Rc::new(Cell::new(None));
    let (its_port, its_end, server) = (port.clone(), stopped.clone(), Record::new());
    let record = server.clone();
    let factory = factory_fn(move |_| {
        let port = its_port.take().unwrap();
        its_end.set(Some(port.stop_listening()));
        Recorder::new(&record).on_made(|transport| transport.lose_connection())
    });
    port.replace(Some(listening(&network, factory)));
    let client = Record::new();
    result_of_pumping(&network, network.client("svc").connect(recorders(&client))).unwrap();
    result(stopped.take().unwrap()).unwrap();
    assert_eq!(client.calls(), ["connection_made", "connection_lost"]);
    assert!(client.lost().unwrap().is_clean());
    assert_eq!(network.connections(), 0);
}

#[test]
fn a_client_factory_that_builds_nothing_fails_the_attempt_and_closes_in_order() {
    let network = Network::new();
    let server = Record::new();
    listening(&network, recorders(&server));
    let factory = FactoryFn::optional(|_| None::<Echo>).into_rc();
    let connecting = network.client("svc").connect(factory);
    let error = connect_error(result_of_pumping(&network, connecting));
    assert!(matches!(error, ConnectError::NoProtocol { .. }), "{error:?}");
    assert_eq!(server.calls(), ["connection_made", "connection_lost"]);
    assert!(server.lost().unwrap().is_clean());
}

#[test]
fn a_server_factory_that_refuses_closes_the_connection() {
    let network = Network::new();
    listening(&network, FactoryFn::optional(|_| None::<Echo>).into_rc());
    let client = Record::new();
    result_of_pumping(&network, network.client("svc").connect(recorders(&client))).unwrap();
    assert_eq!(client.calls(), ["connection_made", "connection_lost"]);
    assert_eq!(network.connections(), 0);
}

#[test]
fn a_cancelled_attempt_is_given_up() {
    let network = Network::new();
    let server = Record::new();
    listening(&network, recorders(&server));
    let held = Rc::new(());
    let inside = held.clone();
    let client = Record::new();
    let recorder = Recorder::new(&client).on_made(move |_| drop(inside.clone()));
    let endpoint = network.client("svc");
    let connecting = connect_protocol(&endpoint, recorder);
    connecting.cancel_handle().cancel();
    let failure = result(connecting).map(drop).unwrap_err();
    assert!(failure.check::<Cancelled>());
    assert_eq!(Rc::strong_count(&held), 1, "the protocol is freed");
    network.flush();
    assert!(server.calls().is_empty() && client.calls().is_empty());
}

#[test]
fn an_attempt_cancelled_while_it_is_made_is_closed_and_its_protocol_never_hears_of_it() {
    let network = Network::new();
    let cancel = Rc::new(Cell::new(None));
    let (server, client) = (Record::new(), Record::new());
    let (handle, record) = (cancel.clone(), server.clone());
    listening(
        &network,
        factory_fn(move |_| {
            let handle: Option<deferred::CancelHandle> = handle.take();
            handle.unwrap().cancel();
            Recorder::new(&record)
        }),
    );
    let connecting = network.client("svc").connect(recorders(&client));
    cancel.set(Some(connecting.cancel_handle()));
    let failure = result_of_pumping(&network, connecting).unwrap_err();
    assert!(failure.check::<Cancelled>());
    assert!(client.calls().is_empty());
    assert_eq!(server.calls(), ["connection_made", "connection_lost"]);
    assert_eq!(network.connections(), 0);
}

#[test]
fn a_protocol_connects_once() {
    let network = Network::new();
    listening(&network, factory_fn(|_| Echo));
    let record = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&record));
    let first = connect_ref(&network.client("svc"), protocol.clone());
    let second = connect_ref(&network.client("svc"), protocol.clone());
    network.flush();
    assert!(result(first).unwrap().ptr_eq(&protocol));
    let error = connect_error(result(second).map(drop));
    assert!(matches!(error, ConnectError::NoProtocol { .. }), "{error:?}");
    assert_eq!(record.calls(), ["connection_made"]);
    record.transport().write(b"one");
    network.flush();
    assert_eq!(record.received(), b"one");

    record.transport().lose_connection();
    network.flush();
    let third = connect_ref(&network.client("svc"), protocol).add_callback(|_| Ok(()));
    let error = connect_error(result_of_pumping(&network, third));
    assert!(matches!(error, ConnectError::NoProtocol { .. }), "{error:?}");
}

#[test]
fn a_factory_that_panics_refuses_where_panics_are_caught() {
    let network = crate::support::catching();
    listening(
        &network,
        FactoryFn::optional(|_| -> Option<Echo> { panic!("as planned") }).into_rc(),
    );
    let client = Record::new();
    result_of_pumping(&network, network.client("svc").connect(recorders(&client))).unwrap();
    assert_eq!(client.calls(), ["connection_made", "connection_lost"]);
}

#[test]
fn an_attempt_whose_connection_made_panics_fails() {
    let network = crate::support::catching();
    listening(&network, factory_fn(|_| Echo));
    let endpoint = network.client("svc");
    let recorder = Recorder::new(&Record::new()).on_made(|_| panic!("as planned"));
    let connecting = connect_protocol(&endpoint, recorder).add_callback(|_| Ok(()));
    let error = connect_error(result_of_pumping(&network, connecting));
    assert!(matches!(error, ConnectError::EndedAtOnce { .. }), "{error:?}");
    assert_eq!(network.connections(), 0);
}

#[test]
fn each_pump_runs_the_calls_of_the_clock_that_are_due() {
    let (network, clock) = (Network::new(), Clock::new());
    network.run_clock(&clock);
    let record = Record::new();
    listening(&network, recorders(&record));
    result_of_pumping(&network, network.client("svc").connect(factory_fn(|_| Echo))).unwrap();
    let transport = record.transport();
    let write = move || transport.write(b"tick");
    clock.call_later(Duration::ZERO, Box::new(write.clone()));
    clock.call_later(Duration::from_secs(1), Box::new(write));
    network.flush();
    assert_eq!(record.received(), b"tick");
    assert_eq!(clock.pending(), 1);
}

#[test]
fn a_panic_in_a_call_of_the_clock_keeps_no_other_call_waiting() {
    let (network, clock) = (crate::support::catching(), Clock::new());
    network.run_clock(&clock);
    let ran = Rc::new(Cell::new(false));
    let run = ran.clone();
    clock.call_later(Duration::ZERO, Box::new(|| panic!("as planned")));
    clock.call_later(Duration::ZERO, Box::new(move || run.set(true)));
    network.pump();
    assert!(ran.get());
}

#[test]
fn a_network_counts_what_it_still_holds() {
    let network = Network::new();
    let counts = || (network.ports(), network.attempts(), network.connections());
    let port = listening(&network, factory_fn(|_| Echo));
    let connecting = network.client("svc").connect(factory_fn(|_| Echo));
    assert_eq!(counts(), (1, 1, 0));
    network.pump();
    assert_eq!(counts(), (1, 0, 2));
    let stopping = port.stop_listening();
    assert_eq!(counts(), (1, 0, 2));
    network.pump();
    assert_eq!(counts(), (0, 0, 2));
    assert!(connecting.is_fired() && stopping.is_fired());
}

#[test]
fn a_port_outlives_its_network_and_says_that_it_has_stopped() {
    let port = listening(&Network::new(), factory_fn(|_| Echo));
    assert_eq!(port.host().to_string(), "memory:svc");
    result(port.stop_listening()).unwrap();
}

#[test]
fn a_pump_moves_nothing_where_nothing_waits_and_connects_a_client_to_its_listener() {
    let network = Network::new();
    assert!(!network.pump());
    let record = Record::new();
    let _port = listening(&network, recorders(&record));
    assert!(!network.pump(), "a port alone is nothing to do");
    let connected = network.client("svc").connect(recorders(&record));
    assert!(network.pump());
    network.flush();
    assert!(connected.try_into_result().is_ok_and(|result| result.is_ok()));
    assert_eq!(record.count("connection_made"), 2);
    assert!(!network.pump());
    record.forget();
}
