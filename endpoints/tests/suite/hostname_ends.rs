//! How connecting to a name ends without a connection: failures, look-ups that fail, and cancelling.
//!
//! Invariant: after any end no delayed call and no attempt is left.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{CancelHandle, Cancelled};
use interfaces::{
    Address, ConnectError, Deliver, Factory, ReactorTime as _, ResolveError, StreamClientEndpoint,
};
use testkit::result_of;

use crate::doubles::{Call, Mood, Reactor, factory};
use crate::hostname::{after, connecting, endpoint, has_no_timer, refusal};

fn listed(failure: &deferred::Failure) -> Vec<String> {
    let Some(ConnectError::AllFailed { host, attempts }) = failure.downcast_ref() else {
        panic!("{failure:?}")
    };
    assert_eq!(host, "example.com");
    attempts.iter().map(|attempt| attempt.address.to_string()).collect()
}

/// In Twisted it is reported when the next attempt would have been due.
#[test]
fn the_failure_of_a_single_address_is_reported_at_once() {
    for address in ["10.0.0.1", "::1"] {
        let reactor = Reactor::new();
        let connected = connecting(&reactor, &[address]);
        reactor.answer(Err(refusal()));
        assert_eq!(listed(&result_of(connected).unwrap_err()).len(), 1);
        has_no_timer(&reactor);
    }
}

#[test]
fn a_failure_after_the_last_address_has_begun_is_reported_at_once() {
    for address in ["10.0.0.1", "::1"] {
        let reactor = Reactor::new();
        let connected = connecting(&reactor, &[address]);
        reactor.clock().advance(Duration::from_millis(300));
        assert!(!connected.is_fired());
        reactor.answer(Err(refusal()));
        assert_eq!(listed(&result_of(connected).unwrap_err()).len(), 1);
        has_no_timer(&reactor);
    }
}

/// Twisted tells the last one alone: here it is the last of the list.
#[test]
fn every_error_is_listed_in_the_order_in_which_they_came_the_first_one_first() {
    let reactor = Reactor::new();
    let connected = connecting(&reactor, &["::1", "10.0.0.1"]);
    reactor.clock().advance(Duration::from_millis(250));
    reactor.answer_at(1, Err(Reactor::refusal("10.0.0.1:80")));
    assert!(!connected.is_fired(), "the first attempt is still on");
    reactor.answer_at(0, Err(Reactor::refusal("[::1]:80")));
    let failure = result_of(connected).unwrap_err();
    assert_eq!(listed(&failure), ["10.0.0.1:80", "[::1]:80"]);
    let text = failure.to_string();
    assert!(text.find("10.0.0.1").unwrap() < text.find("::1").unwrap(), "{text}");
}

#[test]
fn an_attempt_that_fails_before_the_call_returns_counts_as_failed() {
    for addresses in [&["10.0.0.1"][..], &["::1"], &["::1", "10.0.0.1", "::2"]] {
        let reactor = Reactor::new();
        reactor.is(Mood::Refusing);
        let connected = connecting(&reactor, addresses);
        assert_eq!(listed(&result_of(connected).unwrap_err()).len(), addresses.len());
        has_no_timer(&reactor);
    }
}

#[test]
fn a_factory_that_declines_one_address_is_asked_for_the_next() {
    let reactor = Reactor::new();
    let connected = connecting(&reactor, &["::1", "10.0.0.1"]);
    let address: SocketAddr = "[::1]:80".parse().unwrap();
    reactor.answer(Err(ConnectError::NoProtocol { address: address.into() }.into()));
    after(&reactor, 0, &["[::1]", "10.0.0.1"]);
    reactor.answer(Ok(()));
    result_of(connected).unwrap();
}

/// Twisted's error is `ConnectingCancelled` with the host's name; the caller that cancels knows the name.
#[test]
fn cancelling_stops_every_attempt_and_leaves_no_delayed_call() {
    for (addresses, passed, running) in [
        (&["10.0.0.1"][..], 0, 1),
        (&["::1"], 0, 1),
        (&["::1", "10.0.0.1", "::2"], 0, 1),
        (&["::1", "10.0.0.1", "::2"], 250, 2),
        (&["::1", "10.0.0.1"], 450, 2),
    ] {
        let reactor = Reactor::new();
        let connected = connecting(&reactor, addresses);
        reactor.clock().advance(Duration::from_millis(passed));
        assert_eq!(reactor.tried().len(), running);
        connected.cancel_handle().cancel();
        assert_eq!(reactor.calls(), vec![Call::Cancelled; running]);
        assert!(result_of(connected).unwrap_err().check::<Cancelled>());
        has_no_timer(&reactor);
        after(&reactor, 1000, &[]);
    }
}

/// In Twisted a look-up that is cancelled fails as one that found nothing.
#[test]
fn cancelling_during_the_look_up_fails_as_cancelled_and_a_late_answer_begins_nothing() {
    let reactor = Reactor::new();
    let connected = endpoint(&reactor).connect(factory());
    connected.cancel_handle().cancel();
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    assert_eq!(reactor.calls(), [Call::Resolve("example.com".into()), Call::Cancelled]);
    reactor.resolve(Ok(vec!["10.0.0.1:80".parse().unwrap()]));
    assert_eq!(reactor.calls(), []);
    has_no_timer(&reactor);
}

#[test]
fn an_answer_without_an_address_fails_as_a_look_up_with_the_hosts_name() {
    let reactor = Reactor::new();
    let connected = endpoint(&reactor).connect(factory());
    reactor.resolve(Ok(Vec::new()));
    let failure = result_of(connected).unwrap_err();
    assert!(failure.check::<ResolveError>(), "{failure:?}");
    assert!(failure.to_string().contains("example.com"), "{failure}");
}

#[test]
fn an_answer_of_addresses_of_no_use_fails_as_one_without_any() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["10.0.0.1"]);
    let endpoint = endpoint(&reactor).with_bind_address(std::net::Ipv6Addr::LOCALHOST);
    let failure = result_of(endpoint.connect(factory())).unwrap_err();
    assert!(failure.check::<ResolveError>(), "{failure:?}");
    assert!(failure.to_string().contains("example.com"), "{failure}");
    assert_eq!(reactor.tried(), [""; 0]);
}

/// Twisted logs the resolver's error and fails with another one.
#[test]
fn the_resolvers_error_is_the_error_of_the_connect_whether_it_comes_at_once_or_later() {
    let error = ResolveError::Failed { host: "example.com".into(), reason: "gone".into() };
    let (at_once, later) = (Reactor::new(), Reactor::new());
    at_once.is(Mood::Refusing);
    let failure = result_of(endpoint(&at_once).connect(factory())).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&error));
    let connected = endpoint(&later).connect(factory());
    later.resolve(Err(error.clone().into()));
    assert_eq!(result_of(connected).unwrap_err().downcast_ref(), Some(&error));
}

/// Cancels the connect from inside an attempt's beginning.
#[derive(Default)]
struct CancelsInStart(RefCell<Option<CancelHandle>>);

impl Factory for CancelsInStart {
    fn build_protocol(&self, _peer: &Address) -> Option<Rc<dyn Deliver>> {
        None
    }

    fn do_start(&self) {
        let handle = self.0.take();
        if let Some(handle) = handle {
            handle.cancel();
        }
    }
}

#[test]
fn a_factory_that_cancels_the_connect_as_an_attempt_begins_ends_that_attempt_too() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["::1", "10.0.0.1", "::2"]);
    let factory = Rc::new(CancelsInStart::default());
    let connected = endpoint(&reactor).connect(factory.clone());
    factory.0.replace(Some(connected.cancel_handle()));
    assert_eq!(reactor.tried().len(), 1);
    reactor.clock().advance(Duration::from_millis(250));
    let calls = reactor.calls();
    assert!(matches!(calls[..], [Call::ConnectTcp(_), Call::Cancelled, Call::Cancelled]));
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    has_no_timer(&reactor);
    after(&reactor, 1000, &[]);
}

#[test]
fn cancelling_after_the_connection_stands_does_nothing() {
    let reactor = Reactor::new();
    let connected = connecting(&reactor, &["::1", "10.0.0.1"]);
    let handle = connected.cancel_handle();
    reactor.answer(Ok(()));
    reactor.calls();
    handle.cancel();
    assert_eq!(reactor.calls(), []);
    result_of(connected).unwrap();
    assert_eq!(reactor.delayed_calls().len(), 0);
}
