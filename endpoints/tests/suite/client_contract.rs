//! What holds for every client endpoint: one request, the caller's own protocol, one result.
//!
//! Twisted's endpoints put a wrapper between the reactor and the protocol, whose every role must be passed
//! on. Invariant: here the reactor is given the factory that the caller gave, and runs what that builds.

use std::cell::RefCell;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{
    Address, ConnectTcp, Deliver, Event, Factory, FileDescriptorReceiver, HalfCloseableProtocol,
    HandshakeListener, Protocol, Reason, StreamClientEndpoint, Transport,
};
use protocol::testing::StringTransport;
use protocol::{ProtocolRef, factory_fn};
use ropewalk_endpoints::TcpClientEndpoint;
use testkit::result_of;

use crate::doubles::{Call, OnCancel, Reactor, factory};
use crate::hostname::name;

/// A string of each kind of client, for a reactor that knows two names.
const KINDS: [&str; 7] = [
    "tcp:10.0.0.1:80",
    "tcp:[::1]:80",
    "tcp6:[::1]:80",
    "tcp:four.example:80",
    "tcp:six.example:80",
    "tcp6:six.example:80",
    "unix:/a",
];

fn of_kind(kind: &str) -> (Reactor, Rc<dyn StreamClientEndpoint>) {
    let reactor = Reactor::new();
    reactor.knows("four.example", &["10.0.0.1"]);
    reactor.knows("six.example", &["::1"]);
    let endpoint = reactor.registry().client(kind).unwrap();
    (reactor, endpoint)
}

fn requests(reactor: &Reactor) -> usize {
    let is_request = |call: &Call| matches!(call, Call::ConnectTcp(_) | Call::ConnectUnix(_));
    reactor.calls().iter().filter(|call| is_request(call)).count()
}

#[test]
fn connecting_makes_one_request_and_fires_when_that_succeeds() {
    for kind in KINDS {
        let (reactor, endpoint) = of_kind(kind);
        let connected = endpoint.connect(factory());
        assert_eq!(requests(&reactor), 1, "{kind}");
        assert!(!connected.is_fired(), "{kind}");
        reactor.answer(Ok(()));
        result_of(connected).unwrap();
    }
}

#[derive(Debug)]
struct Marked(Rc<()>);

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the network is out")
    }
}

impl std::error::Error for Marked {}

#[test]
fn a_failed_attempt_fails_the_connect_with_that_very_error() {
    for kind in KINDS {
        let (reactor, endpoint) = of_kind(kind);
        let connected = endpoint.connect(factory());
        let marked = Rc::new(());
        reactor.answer(Err(Failure::new(Marked(marked.clone()))));
        let failure = result_of(connected).unwrap_err();
        let is_it = |failure: &Failure| {
            failure.downcast_ref::<Marked>().is_some_and(|error| Rc::ptr_eq(&error.0, &marked))
        };
        let is_listed = match failure.downcast_ref() {
            Some(interfaces::ConnectError::AllFailed { attempts, .. }) => {
                attempts.iter().any(|attempt| is_it(&attempt.failure))
            }
            _ => false,
        };
        // A name has its errors in a list.
        assert_eq!(
            (is_it(&failure), is_listed),
            (!kind.contains("example"), kind.contains("example"))
        );
    }
}

#[test]
fn cancelling_stops_the_attempt_and_what_that_reports_later_is_ignored() {
    for kind in KINDS {
        let (reactor, endpoint) = of_kind(kind);
        let connected = endpoint.connect(factory());
        reactor.calls();
        connected.cancel_handle().cancel();
        assert!(connected.is_fired(), "{kind}");
        assert_eq!(reactor.calls(), [Call::Cancelled], "{kind}");
        reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
        assert!(result_of(connected).unwrap_err().check::<Cancelled>(), "{kind}");
    }
}

/// Twisted delivers its error first and stops the connector then; the caller cannot tell.
#[test]
fn the_error_of_a_cancelled_name_is_that_of_cancelling_whatever_the_attempt_says_as_it_stops() {
    for kind in ["tcp:four.example:80", "tcp:six.example:80", "tcp6:six.example:80"] {
        let (reactor, endpoint) = of_kind(kind);
        reactor.fails_when_cancelled_with(OnCancel::ErrorOfItsOwn);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let errors = seen.clone();
        let connected = endpoint.connect(factory()).add_errback(move |failure| {
            errors.borrow_mut().push(failure.check::<Cancelled>());
            Ok(())
        });
        connected.cancel_handle().cancel();
        result_of(connected).unwrap();
        assert_eq!(*seen.borrow(), [true], "{kind}");
    }
}

#[test]
fn time_limit_and_local_address_go_to_the_reactor_unchanged() {
    let local: std::net::SocketAddr = "127.0.0.1:49595".parse().unwrap();
    for host in ["10.0.0.1", "four.example"] {
        let (reactor, _) = of_kind("unix:/a");
        let endpoint = TcpClientEndpoint::new(reactor.clone(), name(host), 80)
            .with_timeout(Duration::from_secs(10))
            .with_bind_address(local);
        let _connected = endpoint.connect(factory());
        let expected = ConnectTcp::new(([10, 0, 0, 1], 80))
            .with_timeout(Duration::from_secs(10))
            .with_bind_address(Some(local));
        assert_eq!(reactor.calls().last(), Some(&Call::ConnectTcp(expected)), "{host}");
    }
}

/// Has every role, and notes what reaches it.
#[derive(Default)]
struct Everything {
    seen: Rc<RefCell<Vec<String>>>,
    transport: Rc<RefCell<Option<Rc<dyn Transport>>>>,
}

impl Everything {
    fn note(&self, text: impl Into<String>) {
        self.seen.borrow_mut().push(text.into());
    }
}

impl Protocol for Everything {
    fn log_prefix() -> &'static str {
        "a prefix"
    }

    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.note("made");
        self.transport.replace(Some(transport.clone()));
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.note(String::from_utf8_lossy(data));
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.note(reason.to_string());
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }

    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        Some(self)
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Everything {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.note("read lost");
    }

    fn write_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.note("write lost");
    }
}

impl FileDescriptorReceiver for Everything {
    fn file_descriptor_received(&mut self, _: &Rc<dyn Transport>, descriptor: OwnedFd) {
        self.note(format!("descriptor {}", descriptor.as_raw_fd()));
    }
}

impl HandshakeListener for Everything {
    fn handshake_completed(&mut self, _: &Rc<dyn Transport>) {
        self.note("handshake");
    }
}

/// Has no role at all.
#[derive(Default)]
struct Plain(Rc<RefCell<Vec<String>>>);

impl Protocol for Plain {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.0.borrow_mut().push(String::from_utf8_lossy(data).into_owned());
    }
}

/// What a reactor runs when an endpoint of this kind connects with this factory.
fn running(kind: &str, factory: Rc<dyn Factory>) -> Rc<dyn Deliver> {
    let (reactor, endpoint) = of_kind(kind);
    let _connected: Deferred<()> = endpoint.connect(factory.clone());
    let given = reactor.factories();
    assert!(given.len() == 1 && Rc::ptr_eq(&given[0], &factory), "{kind}: another factory");
    let peer = Address::Other("peer".into());
    given[0].build_protocol(&peer).unwrap()
}

fn transport() -> Rc<dyn Transport> {
    StringTransport::new()
}

#[test]
fn every_event_reaches_the_callers_protocol_once_in_order_with_the_reactors_own_transport() {
    for kind in KINDS {
        let (seen, kept) = (Rc::default(), Rc::default());
        let protocol = Everything { seen: Rc::clone(&seen), transport: Rc::clone(&kept) };
        let running = running(kind, testkit::once(protocol));
        let transport = transport();
        let descriptor = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let number = descriptor.as_raw_fd();
        running.deliver(Event::ConnectionMade(&transport));
        running.deliver(Event::HandshakeCompleted);
        running.deliver(Event::DataReceived(&mut b"foo".to_vec()));
        running.deliver(Event::DataReceived(&mut b"bar".to_vec()));
        running.deliver(Event::FileDescriptorReceived(&mut Some(descriptor)));
        running.deliver(Event::ReadConnectionLost);
        running.deliver(Event::WriteConnectionLost);
        running.deliver(Event::ConnectionLost(&Reason::Aborted));
        let expected = [
            "made",
            "handshake",
            "foo",
            "bar",
            &format!("descriptor {number}"),
            "read lost",
            "write lost",
            "connection aborted",
        ];
        assert_eq!(*seen.borrow(), expected, "{kind}");
        let kept = kept.take().unwrap();
        assert!(Rc::ptr_eq(&kept, &transport), "{kind}: another transport");
    }
}

#[test]
fn the_roles_and_the_log_prefix_are_those_of_the_callers_protocol_and_no_others() {
    for kind in KINDS {
        let all = running(kind, testkit::once(Everything::default()));
        assert!(all.reading_roles().descriptors && all.is_half_closeable(), "{kind}");
        assert_eq!(all.log_prefix(), "a prefix");
        let plain = running(kind, factory_fn(|_| Plain::default()));
        assert!(!plain.reading_roles().descriptors && !plain.is_half_closeable(), "{kind}");
        assert_eq!(plain.log_prefix(), "Plain");
    }
}

#[test]
fn a_protocol_without_a_role_hears_nothing_of_it() {
    for kind in KINDS {
        let seen = Rc::default();
        let plain = Plain(Rc::clone(&seen));
        let running = running(kind, testkit::once(plain));
        running.deliver(Event::ConnectionMade(&transport()));
        running.deliver(Event::HandshakeCompleted);
        running.deliver(Event::ReadConnectionLost);
        running.deliver(Event::WriteConnectionLost);
        running.deliver(Event::DataReceived(&mut b"foo".to_vec()));
        assert_eq!(*seen.borrow(), ["foo"], "{kind}");
    }
}

#[test]
fn the_result_of_connect_protocol_is_that_of_the_endpoints_connect() {
    let (reactor, endpoint) = of_kind("tcp:10.0.0.1:80");
    let connected = protocol::connect_protocol(&*endpoint, Plain::default());
    reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
    let failure = result_of(connected).map(|_: ProtocolRef<Plain>| ()).unwrap_err();
    assert_eq!(failure.to_string(), Reactor::refusal("10.0.0.1:80").to_string());
    let connected = protocol::connect_protocol(&*endpoint, Plain::default());
    reactor.calls();
    connected.cancel_handle().cancel();
    assert_eq!(reactor.calls(), [Call::Cancelled]);
    assert!(result_of(connected).map(|_| ()).unwrap_err().check::<Cancelled>());
    let connected = protocol::connect_protocol(&*endpoint, Plain::default());
    reactor.answer_at(1, Ok(()));
    result_of(connected).map(|_| ()).unwrap();
}
