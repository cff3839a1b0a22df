//! Endpoints around other endpoints, in the words of another crate.
//!
//! Invariant: the layer lies between the wrapped endpoint's connection and the caller's protocol.

use std::rc::Rc;

use deferred::Cancelled;
use interfaces::{
    ConnectError, Deliver, Event, Factory, StreamClientEndpoint, StreamServerEndpoint, Transport,
};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};
use protocol::testing::memory::Network;
use protocol::testing::{Record, Recorder};
use protocol::{connect_protocol, factory_fn};
use ropewalk_endpoints::{
    Arguments, ClientParser, ParseError, Parsed, ServerParser, WrapperClientEndpoint,
    WrapperServerEndpoint,
};
use testkit::result_of;

use crate::doubles::{Call, Mood, Reactor, factory};

/// Whatever passes is in capital letters.
struct Upper;

impl Layer for Upper {
    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::DataReceived(data) => {
                data.make_ascii_uppercase();
                above.deliver(Event::DataReceived(data));
            }
            other => above.deliver(other),
        }
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        below.write(&data.to_ascii_uppercase());
    }
}

fn wrapped(factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
    WrappingFactory::new(factory, |_peer| Upper).into_rc()
}

/// `upper:tcp:80`
struct UpperKind;

impl ServerParser for UpperKind {
    fn kind(&self) -> &'static str {
        "upper"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([], inner) = arguments.bind_wrapper([]);
        let Parsed { endpoint, description, .. } = inner.server()?;
        let endpoint = Rc::new(WrapperServerEndpoint::new(endpoint, wrapped));
        Ok(arguments.parsed_around(endpoint, "upper", description))
    }
}

impl ClientParser for UpperKind {
    fn kind(&self) -> &'static str {
        "upper"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([], inner) = arguments.bind_wrapper([]);
        let Parsed { endpoint, description, .. } = inner.client()?;
        let endpoint = Rc::new(WrapperClientEndpoint::new(endpoint, wrapped));
        Ok(arguments.parsed_around(endpoint, "upper", description))
    }
}

fn over(endpoint: impl StreamClientEndpoint + 'static) -> WrapperClientEndpoint {
    WrapperClientEndpoint::new(Rc::new(endpoint), wrapped)
}

/// A server on a network in memory, and what it sees.
fn server() -> (Network, Record) {
    let (network, record) = (Network::new(), Record::new());
    let seen = record.clone();
    drop(network.server("x").listen(factory_fn(move |_| Recorder::new(&seen))));
    (network, record)
}

/// endpoint-wrapper-001
#[test]
fn bytes_that_arrive_pass_the_layer_before_the_protocol() {
    let (network, server) = server();
    let client = Record::new();
    let connected = connect_protocol(&over(network.client("x")), Recorder::new(&client));
    network.flush();
    server.transport().write(b"5:hello,");
    network.flush();
    assert_eq!(client.received(), b"5:HELLO,");
    drop(connected);
}

/// endpoint-wrapper-002
#[test]
fn connecting_answers_the_protocol_itself_and_it_writes_through_the_layer() {
    let (network, server) = server();
    let connected = connect_protocol(&over(network.client("x")), Recorder::new(&Record::new()));
    network.flush();
    let protocol = result_of(connected).unwrap();
    protocol.enter_with(|_, transport| transport.write(b"4:spam,"));
    network.flush();
    assert_eq!(server.received(), b"4:SPAM,");
}

/// endpoint-wrapper-003
#[test]
fn a_connection_that_fails_fails_with_the_wrapped_endpoints_error_and_not_before() {
    let reactor = Reactor::new();
    let registry = reactor.registry().with_client(UpperKind);
    let connected = registry.client("upper:tcp:10.0.0.1:80").unwrap().connect(factory());
    assert!(!connected.is_fired());
    reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
    let failure = result_of(connected).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })), "{failure:?}");
}

/// endpoint-wrapper-004
#[test]
fn cancelling_gives_the_wrapped_endpoints_attempt_up() {
    let reactor = Reactor::new();
    let registry = reactor.registry().with_client(UpperKind);
    let connected = registry.client("upper:upper:unix:/a").unwrap().connect(factory());
    reactor.calls();
    connected.cancel_handle().cancel();
    assert_eq!(reactor.calls(), [Call::Cancelled]);
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
}

/// endpoint-wrapper-005
#[test]
fn the_protocols_transport_is_the_layer_and_the_layers_is_the_connection() {
    let (network, server) = server();
    let client = Record::new();
    let connected = connect_protocol(&over(network.client("x")), Recorder::new(&client));
    network.flush();
    let above = client.transport();
    above.write(b"through the layer");
    network.flush();
    assert_eq!(server.received(), b"THROUGH THE LAYER");
    assert_eq!(above.peer().to_string(), server.transport().host().to_string());
    drop(connected);
}

/// endpoint-wrapper-006
#[test]
fn a_server_listens_where_the_wrapped_one_does_with_the_layer_around_each_protocol() {
    let reactor = Reactor::new();
    let registry = reactor.registry().with_server(UpperKind);
    let parsed = registry.parse_server("upper:tcp:80:interface=127.0.0.1").unwrap();
    let port = result_of(parsed.endpoint.listen(factory())).unwrap();
    assert_eq!(port.host().to_string(), "127.0.0.1:80");
    assert_eq!(parsed.description.layers, ["upper", "tcp"]);
    reactor.is(Mood::Refusing);
    let failure = result_of(parsed.endpoint.listen(factory())).err().unwrap();
    assert!(failure.check::<interfaces::ListenError>());

    let (network, record) = (Network::new(), Record::new());
    let seen = record.clone();
    let endpoint = WrapperServerEndpoint::new(Rc::new(network.server("x")), wrapped);
    let port = endpoint.listen(factory_fn(move |_| Recorder::new(&seen)));
    let client = Recorder::new(&Record::new()).on_made(|transport| transport.write(b"hello"));
    let _client = connect_protocol(&network.client("x"), client);
    network.flush();
    assert_eq!(record.received(), b"HELLO");
    drop(port);
}

/// A relay's connection is passed on to the wrapped endpoint, which may tell of it.
#[test]
fn the_connection_that_is_served_reaches_the_wrapped_endpoint() {
    use ropewalk_endpoints::haproxy::ProxyClientEndpoint;
    let (network, server) = server();
    let endpoint = over(ProxyClientEndpoint::new(network.client("x")));
    let served = protocol::testing::StringTransport::with_addresses(
        "192.0.2.1:80".parse::<std::net::SocketAddr>().unwrap().into(),
        "192.0.2.9:4711".parse::<std::net::SocketAddr>().unwrap().into(),
    );
    let _connected = endpoint.connect_for(&served.as_transport(), factory());
    let recorder = factory_fn(|_| Recorder::new(&Record::new()));
    let _second = endpoint.connect_for(&served.as_transport(), recorder);
    network.flush();
    assert!(server.received().windows(4).any(|four| four == [192, 0, 2, 9]));
}

#[test]
fn endpoints_inside_each_other_have_an_end_and_no_length_of_a_string_takes_the_stack() {
    let registry = Reactor::new().registry().with_server(UpperKind).with_client(UpperKind);
    for (count, is_taken) in [(31, true), (32, false), (20_000, false)] {
        let server = "upper:".repeat(count) + "tcp:80";
        let client = "upper:".repeat(count) + "tcp:127.0.0.1:80";
        let parsed = [
            registry.parse_server(&server).map(|parsed| parsed.description),
            registry.parse_client(&client).map(|parsed| parsed.description),
        ];
        for outcome in parsed {
            match outcome {
                Ok(description) => assert!(is_taken, "{}", description.layers.len()),
                Err(mistake) => {
                    assert!(!is_taken, "{count}: {mistake}");
                    assert_eq!(mistake.message(), "more than 32 endpoints are inside each other");
                    assert_eq!(mistake.offset(), 32 * "upper:".len());
                }
            }
        }
    }
}
