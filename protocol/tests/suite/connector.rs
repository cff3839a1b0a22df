//! Claims about connectors and client factories: their hooks, in order, and what may be called inside.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use deferred::{Cancelled, Failure};
use interfaces::{
    Address, ConnectError, ConnectTcp, ConnectUnix, Deliver, Factory, Reason, UnixAddress,
};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::client::{ClientFactory, Connector, ConnectorState};
use ropewalk_protocol::testing::{Record, Recorder};

use crate::support::by_hand::{Attempt, ByHand};
use crate::support::reactor_calls::ReactorCalls;

/// What a hook does beside noting itself.
type Hook = Box<dyn Fn(&Connector)>;

/// Keeps a log of its hooks, and the connectors that they were called with.
#[derive(Default)]
struct Logging {
    log: RefCell<Vec<String>>,
    connectors: RefCell<Vec<Connector>>,
    record: Record,
    on_started: Option<Hook>,
    on_failed: Option<Hook>,
    on_lost: Option<Hook>,
    refuses: Cell<bool>,
    panics: bool,
}

impl Logging {
    fn note(&self, line: impl Into<String>, connector: Option<&Connector>, hook: &Option<Hook>) {
        self.log.borrow_mut().push(line.into());
        self.connectors.borrow_mut().extend(connector.cloned());
        if let (Some(connector), Some(hook)) = (connector, hook) {
            hook(connector);
        }
    }

    fn log(&self) -> Vec<String> {
        self.log.take()
    }
}

impl Factory for Logging {
    fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
        let panics = self.panics;
        let protocol = Recorder::new(&self.record).on_lost(move |_| assert!(!panics, "planned"));
        let protocol = ProtocolRef::new(protocol);
        (!self.refuses.get()).then(|| protocol.into())
    }

    fn do_start(&self) {
        self.note("start", None, &None);
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.note("stop", None, &None);
        Ok(())
    }
}

impl ClientFactory for Logging {
    fn started_connecting(&self, connector: &Connector) {
        self.note("connecting", Some(connector), &self.on_started);
    }

    fn client_connection_failed(&self, connector: &Connector, failure: &Failure) {
        self.note(format!("failed: {failure}"), Some(connector), &self.on_failed);
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        self.note(format!("lost: {reason}"), Some(connector), &self.on_lost);
    }
}

fn of(factory: Logging) -> (Connector, ByHand, Rc<Logging>) {
    let (endpoint, factory) = (ByHand::default(), Rc::new(factory));
    (Connector::new(endpoint.clone(), factory.clone()), endpoint, factory)
}

#[test]
fn each_hook_gets_the_very_same_connector_once_in_order() {
    let (connector, endpoint, factory) = of(Logging::default());
    connector.connect().unwrap();
    endpoint.last().connect();
    endpoint.last().lose(&Reason::Done);
    let lines = ["start", "connecting", "lost: connection closed cleanly", "stop"];
    assert_eq!(factory.log(), lines);
    assert_eq!(*factory.connectors.borrow(), [connector.clone(), connector.clone()]);
    let (other, _endpoint, _factory) = of(Logging::default());
    assert_ne!(connector, other);
}

#[test]
fn a_connector_over_tcp_or_a_unix_socket_knows_its_destination_before_it_connects() {
    let factory = || Rc::new(Logging::default());
    let (reactor, tcp) = (ReactorCalls::default(), ConnectTcp::new(([192, 0, 2, 1], 80)));
    let connector = Connector::tcp(reactor.clone(), tcp, factory());
    assert_eq!(connector.destination().unwrap().to_string(), "192.0.2.1:80");
    let unix = ConnectUnix::new(UnixAddress::Path(Rc::from(&b"/run/x.sock"[..])));
    let connector = Connector::unix(reactor, unix, factory());
    assert_eq!(connector.destination().unwrap().to_string(), "unix:/run/x.sock");
}

#[test]
fn a_connector_of_an_endpoint_knows_the_peer_of_its_last_connection() {
    let (connector, endpoint, _factory) = of(Logging::default());
    assert_eq!(connector.destination(), None);
    connector.connect().unwrap();
    endpoint.last().connect();
    let peer = endpoint.last().transport.as_transport().peer();
    assert_eq!(connector.destination(), Some(peer));
}

#[test]
fn a_factory_starts_inside_the_call_of_connect_and_stops_after_its_connection_each_once() {
    let (connector, endpoint, factory) = of(Logging::default());
    connector.connect().unwrap();
    assert_eq!(factory.log(), ["start", "connecting"]);
    endpoint.last().connect();
    assert_eq!(factory.log(), [""; 0]);
    endpoint.last().lose(&Reason::Aborted);
    assert_eq!(factory.log(), ["lost: connection aborted", "stop"]);
    connector.connect().unwrap();
    endpoint.last().refuse();
    assert_eq!(factory.log()[..], ["start", "connecting", &failed(), "stop"]);
}

fn failed() -> String {
    format!("failed: {}", Attempt::refusal())
}

#[test]
fn a_lost_connection_may_connect_again_with_the_same_factory_which_is_not_stopped_in_between() {
    let again: Hook = Box::new(|connector| connector.connect().unwrap());
    let (connector, endpoint, factory) = of(Logging { on_lost: Some(again), ..Logging::default() });
    connector.connect().unwrap();
    endpoint.last().connect();
    endpoint.last().lose(&Reason::Done);
    assert_eq!(endpoint.attempts(), 2);
    endpoint.last().refuse();
    let lost = "lost: connection closed cleanly";
    assert_eq!(factory.log()[..], ["start", "connecting", lost, "connecting", &failed(), "stop"]);
    let record = &factory.record;
    assert_eq!((record.count("connection_made"), record.count("connection_lost")), (1, 1));
}

#[test]
fn a_failed_attempt_may_be_made_again_from_inside_the_hook() {
    let tries = Rc::new(Cell::new(0));
    let counted = tries.clone();
    let again: Hook = Box::new(move |connector| {
        counted.set(counted.get() + 1);
        if counted.get() < 3 {
            connector.connect().unwrap();
        }
    });
    let (connector, endpoint, factory) =
        of(Logging { on_failed: Some(again), ..Logging::default() });
    connector.connect().unwrap();
    for _ in 0..3 {
        endpoint.last().refuse();
    }
    assert_eq!((tries.get(), endpoint.attempts()), (3, 3));
    let log = factory.log();
    let count = |line: &str| log.iter().filter(|logged| *logged == line).count();
    assert_eq!((count("start"), count("stop"), count("connecting")), (1, 1, 3));
}

#[test]
fn stopping_an_attempt_fails_it_before_the_call_returns_and_cancels_it() {
    let (connector, endpoint, factory) = of(Logging::default());
    connector.connect().unwrap();
    connector.stop_connecting().unwrap();
    assert_eq!(factory.log()[2..], [format!("failed: {Cancelled}"), "stop".into()]);
    assert_eq!(endpoint.cancelled(), 1);
    assert_eq!(connector.state(), ConnectorState::Disconnected);
    let refused = connector.stop_connecting().unwrap_err();
    assert_eq!(refused.to_string(), "cannot stop connecting: no attempt is under way");
}

#[test]
fn an_attempt_that_is_stopped_while_it_begins_is_never_made() {
    let stop: Hook = Box::new(|connector| connector.stop_connecting().unwrap());
    let (connector, endpoint, factory) =
        of(Logging { on_started: Some(stop), ..Logging::default() });
    connector.connect().unwrap();
    assert_eq!(endpoint.attempts(), 0);
    assert_eq!(factory.log(), ["start", "connecting", "failed: cancelled", "stop"]);
}

#[test]
fn disconnect_stops_an_attempt_and_closes_a_connection_in_order() {
    let (connector, endpoint, factory) = of(Logging::default());
    connector.disconnect();
    connector.connect().unwrap();
    connector.disconnect();
    assert_eq!((endpoint.cancelled(), connector.state()), (1, ConnectorState::Disconnected));
    connector.connect().unwrap();
    endpoint.last().connect();
    assert_eq!(connector.state(), ConnectorState::Connected);
    factory.log();
    connector.disconnect();
    let attempt = endpoint.last();
    assert!(attempt.transport.disconnecting() && !attempt.transport.aborting());
    assert_eq!(factory.log(), [""; 0], "the end is told when it comes");
    let refused = connector.stop_connecting().unwrap_err().to_string();
    assert!(refused.contains("disconnect closes it"), "{refused}");
}

#[test]
fn a_connector_that_connects_or_has_connected_refuses_a_second_attempt() {
    let (connector, endpoint, _factory) = of(Logging::default());
    connector.connect().unwrap();
    assert_eq!(connector.connect().unwrap_err().state, ConnectorState::Connecting);
    endpoint.last().connect();
    assert_eq!(connector.connect().unwrap_err().state, ConnectorState::Connected);
    assert_eq!(endpoint.attempts(), 1);
}

#[test]
fn what_a_stopped_attempt_tells_later_is_not_heard_and_its_connection_is_aborted() {
    let endpoint = ByHand::stubborn();
    let factory = Rc::new(Logging::default());
    let connector = Connector::new(endpoint.clone(), factory.clone());
    connector.connect().unwrap();
    let stopped = endpoint.last();
    assert!(stopped.build());
    connector.stop_connecting().unwrap();
    connector.connect().unwrap();
    factory.log();
    stopped.make();
    assert!(stopped.transport.aborting());
    stopped.succeed();
    stopped.lose(&Reason::Aborted);
    assert_eq!(connector.state(), ConnectorState::Connecting, "with the second attempt");
    endpoint.last().connect();
    assert_eq!(connector.state(), ConnectorState::Connected);
    assert_eq!(factory.log(), [""; 0]);
    let made = factory.record.count("connection_made");
    assert_eq!((made, factory.record.count("connection_lost")), (1, 0));
}

#[test]
fn a_factory_that_refuses_has_failed_as_the_endpoint_says() {
    let (connector, endpoint, factory) = of(Logging::default());
    factory.refuses.set(true);
    connector.connect().unwrap();
    assert!(!endpoint.last().build());
    let error = ConnectError::NoProtocol { address: Address::Other("peer".into()) };
    let text = error.to_string();
    endpoint.last().fail(error);
    assert_eq!(factory.log()[2..], [format!("failed: {text}"), "stop".into()]);
}

#[test]
fn a_protocol_that_panics_at_the_end_keeps_its_factory_from_nothing() {
    let (connector, endpoint, factory) = of(Logging { panics: true, ..Logging::default() });
    connector.connect().unwrap();
    let attempt = endpoint.last();
    attempt.connect();
    let caught = catch_unwind(AssertUnwindSafe(|| attempt.lose(&Reason::Done)));
    assert!(caught.is_err());
    assert_eq!(factory.log()[2..], ["lost: connection closed cleanly", "stop"]);
}

#[test]
fn a_hook_that_panics_leaves_a_connector_that_can_connect_again_and_a_factory_that_was_stopped() {
    let panicking = |is_in: fn(&mut Logging) -> &mut Option<Hook>| {
        let mut logging = Logging::default();
        let is_left = Cell::new(true);
        *is_in(&mut logging) = Some(Box::new(move |_| assert!(!is_left.take(), "planned")));
        of(logging)
    };
    let at_start = panicking(|logging| &mut logging.on_started);
    let at_failure = panicking(|logging| &mut logging.on_failed);
    let at_loss = panicking(|logging| &mut logging.on_lost);
    for (number, (connector, endpoint, factory)) in
        [at_start, at_failure, at_loss].into_iter().enumerate()
    {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            connector.connect().unwrap();
            match number {
                1 => endpoint.last().refuse(),
                _ => endpoint.last().connect(),
            }
            endpoint.last().lose(&Reason::Done);
        }));
        assert!(caught.is_err(), "{number}");
        assert_eq!(connector.state(), ConnectorState::Disconnected);
        assert_eq!(factory.log().last().map(String::as_str), Some("stop"));
        connector.connect().unwrap();
        endpoint.last().connect();
        assert_eq!(
            (connector.state(), factory.log()),
            (ConnectorState::Connected, vec!["start".into(), "connecting".into()])
        );
    }
}
