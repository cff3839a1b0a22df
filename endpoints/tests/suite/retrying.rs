//! A client that waits for its server: `retry=`.
//!
//! Invariant: only the test moves the time.

use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{ConnectError, ReactorTime as _, ResolveError};
use testkit::result_of;

use crate::doubles::{Call, Reactor, factory};

fn connect(reactor: &Reactor, text: &str) -> Deferred<()> {
    reactor.registry().client(text).unwrap().connect(factory())
}

fn advance(reactor: &Reactor, milliseconds: u64) {
    reactor.clock().advance(Duration::from_millis(milliseconds));
}

fn refusal() -> Failure {
    Reactor::refusal("10.0.0.1:80")
}

#[test]
fn a_server_that_comes_up_a_moment_later_is_connected_to() {
    for text in ["tcp:10.0.0.1:80:retry=30s", "tcp6:[::1]:80:retry=30", "unix:/a:retry=30s"] {
        let reactor = Reactor::new();
        let connected = connect(&reactor, text);
        for pause in [100, 200, 400, 800, 1600, 2000, 2000] {
            assert_eq!(reactor.calls().len(), 1, "{text}");
            reactor.answer(Err(refusal()));
            advance(&reactor, pause - 1);
            assert_eq!(reactor.calls(), [], "{text}: {pause}");
            advance(&reactor, 1);
        }
        reactor.answer(Ok(()));
        result_of(connected).unwrap();
        assert_eq!(reactor.delayed_calls().len(), 0);
    }
}

#[test]
fn when_the_time_has_passed_the_last_error_is_the_result() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:10.0.0.1:80:retry=1s");
    // Attempts at 0, 100, 300 and 700 ms; the next one would be at 1500 ms.
    for pause in [100, 200, 400] {
        reactor.answer(Err(refusal()));
        assert!(!connected.is_fired());
        advance(&reactor, pause);
    }
    reactor.answer(Err(refusal()));
    let failure = result_of(connected).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })), "{failure:?}");
    assert_eq!(reactor.delayed_calls().len(), 0);
}

#[test]
fn an_attempt_that_takes_the_whole_time_is_the_only_one() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:10.0.0.1:80:retry=1s");
    advance(&reactor, 5000);
    assert!(!connected.is_fired());
    reactor.answer(Err(refusal()));
    result_of(connected).unwrap_err();
}

#[test]
fn a_name_is_looked_up_again_for_each_attempt() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:late.example:80:retry=30s");
    let unknown = || ResolveError::Failed { host: "late.example".into(), reason: "no".into() };
    reactor.resolve(Err(unknown().into()));
    advance(&reactor, 100);
    reactor.resolve(Ok(vec!["10.0.0.1:80".parse().unwrap()]));
    reactor.answer(Err(refusal()));
    advance(&reactor, 200);
    reactor.resolve(Ok(vec!["10.0.0.2:80".parse().unwrap()]));
    assert_eq!(reactor.tried(), ["10.0.0.1:80", "10.0.0.2:80"]);
    reactor.answer(Ok(()));
    result_of(connected).unwrap();
}

#[test]
fn an_error_that_no_time_heals_ends_it_at_once() {
    let address = || "10.0.0.1:80".parse::<std::net::SocketAddr>().unwrap().into();
    let errors: [fn() -> Failure; 2] =
        [|| Cancelled.into(), || ResolveError::Stopped { host: "example.com".into() }.into()];
    let mut failures: Vec<Failure> = errors.iter().map(|error| error()).collect();
    failures.push(ConnectError::NoProtocol { address: address() }.into());
    failures.push(ConnectError::EndedAtOnce { address: address() }.into());
    for failure in failures {
        let reactor = Reactor::new();
        let connected = connect(&reactor, "tcp:10.0.0.1:80:retry=30s");
        let text = failure.to_string();
        reactor.answer(Err(failure));
        assert_eq!(result_of(connected).unwrap_err().to_string(), text);
        assert_eq!(reactor.delayed_calls().len(), 0);
    }
}

#[test]
fn cancelling_ends_an_attempt_and_a_pause() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:10.0.0.1:80:retry=30s");
    reactor.calls();
    connected.cancel_handle().cancel();
    assert_eq!(reactor.calls(), [Call::Cancelled]);
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:10.0.0.1:80:retry=30s");
    reactor.answer(Err(refusal()));
    reactor.calls();
    connected.cancel_handle().cancel();
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    assert_eq!(reactor.delayed_calls().len(), 0);
    advance(&reactor, 5000);
    assert_eq!(reactor.calls(), []);
}

#[test]
fn it_is_listed_where_it_is_given_and_off_where_it_is_0() {
    let registry = Reactor::new().registry();
    let shown = |text: &str| registry.parse_client(text).unwrap().description.to_string();
    assert!(!shown("tcp:10.0.0.1:80").contains("retry"));
    assert!(shown("tcp:10.0.0.1:80:retry=2m").ends_with(":retry=120"));
    assert!(
        shown("unix:/a:retry=500ms").ends_with(":retry=500ms"),
        "{}",
        shown("unix:/a:retry=500ms")
    );
    assert!(registry.parse_client("tcp:10.0.0.1:80:retry=x").is_err());
    assert!(registry.parse_server("tcp:80:retry=1").is_err(), "a server has nothing to wait for");
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:10.0.0.1:80:retry=0");
    reactor.answer(Err(refusal()));
    result_of(connected).unwrap_err();
}
