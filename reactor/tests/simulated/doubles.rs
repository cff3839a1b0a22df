//! A simulated reactor in the place of a recording one, as Twisted's `MemoryReactor` is: what tests ask it for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{
    Address, ConnectError, ConnectTcp, ConnectUnix, Factory, ListenTcp, ListenUnix, Protocol,
    ReactorCore as _, ReactorTcp as _, ReactorUnix as _, Transport, UnixAddress,
};
use ropewalk_reactor::Reactor;
use ropewalk_reactor::simulated::{Faults, Simulated};

struct Sink;

impl Protocol for Sink {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

fn sink() -> Rc<dyn Factory> {
    protocol::factory_fn(|_: &Address| Sink)
}

fn quiet() -> Reactor<Simulated> {
    let reactor = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    reactor
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn path(text: &str) -> UnixAddress {
    UnixAddress::Path(text.as_bytes().into())
}

#[test]
fn a_port_has_the_address_that_was_asked_for() {
    let reactor = quiet();
    let wildcard =
        reactor.listen_tcp(&ListenTcp::new(at("0.0.0.0:8080")), sink()).expect("listens");
    assert_eq!(wildcard.host(), at("0.0.0.0:8080").into());
    let unix = reactor.listen_unix(&ListenUnix::new(path("/run/s")), sink()).expect("listens");
    assert_eq!(unix.host(), path("/run/s").into());
}

#[test]
fn a_connect_is_logged_and_its_target_is_in_what_it_fails_with() {
    let reactor = quiet();
    reactor.system().keep_log(100);
    let errors = Rc::new(RefCell::new(Vec::new()));
    let (tcp, unix) = (
        reactor.connect_tcp(&ConnectTcp::new(at("127.0.0.1:4711")), sink()),
        reactor.connect_unix(&ConnectUnix::new(path("/run/none")), sink()),
    );
    for attempt in [tcp, unix] {
        let errors = errors.clone();
        drop(attempt.add_errback(move |failure: Failure| {
            errors.borrow_mut().push(failure);
            Ok(())
        }));
    }
    let connects = |line: &&String| line.contains(" connect ");
    assert_eq!(reactor.system().log().iter().filter(connects).count(), 2);
    for _ in 0..100 {
        reactor.turn(Some(Duration::from_millis(1))).expect("turns");
    }
    let targets: BTreeSet<String> = errors
        .take()
        .iter()
        .map(|failure| match failure.downcast_ref() {
            Some(ConnectError::Refused { address, .. }) => address.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let want = [Address::from(at("127.0.0.1:4711")), path("/run/none").into()];
    assert_eq!(targets, want.map(|address| address.to_string()).into());
}

#[test]
fn calls_for_the_running_reactor_wait_for_the_run_and_are_made_at_once_in_it() {
    let reactor = quiet();
    let story = Rc::new(RefCell::new(Vec::new()));
    let word = |word: &'static str| {
        let story = story.clone();
        Box::new(move || story.borrow_mut().push(word))
    };
    reactor.call_when_running(word("queued"));
    assert!(story.borrow().is_empty());
    let (inner, at_once, afterwards) = (reactor.clone(), word("at once"), word("afterwards"));
    reactor.call_later(Duration::ZERO, move || {
        inner.call_when_running(at_once);
        afterwards();
        inner.stop().expect("it runs");
    });
    reactor.run().expect("runs");
    assert_eq!(*story.borrow(), ["queued", "at once", "afterwards"]);
}

/// Keeps what its transport shows.
struct Shown(Rc<RefCell<Vec<String>>>);

impl Protocol for Shown {
    fn log_prefix() -> &'static str {
        "Custom"
    }

    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.0.borrow_mut().push(format!("{transport:?}"));
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

#[test]
fn each_connection_has_a_number_of_its_own() {
    let reactor = quiet();
    let shown = Rc::new(RefCell::new(Vec::new()));
    let record = shown.clone();
    let factory = protocol::factory_fn(move |_: &Address| Shown(record.clone()));
    let _port = reactor.listen_tcp(&ListenTcp::new(at("127.0.0.1:80")), factory.clone());
    for _ in 0..5 {
        drop(reactor.connect_tcp(&ConnectTcp::new(at("127.0.0.1:80")), factory.clone()));
    }
    for _ in 0..100 {
        reactor.turn(Some(Duration::from_millis(1))).expect("turns");
    }
    let shown = shown.take();
    let number = |text: &String| text.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(shown.iter().all(|text| text.starts_with("Custom #")), "{shown:?}");
    assert_eq!(shown.iter().map(number).collect::<BTreeSet<_>>().len(), 10, "{shown:?}");
}
