//! Which address of a name is tried when: Happy Eyeballs (RFC 8305).
//!
//! Invariant: only the test moves the time, so every figure is exact.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{ConnectError, ReactorTime as _, StreamClientEndpoint as _};
use ropewalk_endpoints::{Host, TcpClientEndpoint};
use testkit::result_of;

use crate::doubles::{Call, Counted, Mood, Reactor, factory};

/// What RFC 8305 section 5 recommends, and what is the default.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

pub(crate) fn name(text: &str) -> Host {
    text.parse().unwrap()
}

pub(crate) fn endpoint(reactor: &Reactor) -> TcpClientEndpoint {
    TcpClientEndpoint::new(reactor.clone(), name("example.com"), 80)
}

/// Connects to a name that has these addresses, and looks at nothing before the first attempt.
pub(crate) fn connecting(reactor: &Reactor, addresses: &[&str]) -> Deferred<()> {
    reactor.knows("example.com", addresses);
    endpoint(reactor).connect(factory())
}

/// The time passes, and then these attempts have begun.
#[track_caller]
pub(crate) fn after(reactor: &Reactor, milliseconds: u64, expected: &[&str]) {
    reactor.clock().advance(Duration::from_millis(milliseconds));
    let expected: Vec<_> = expected.iter().map(|address| format!("{address}:80")).collect();
    assert_eq!(reactor.tried(), expected, "after {milliseconds} ms");
}

pub(crate) fn refusal() -> deferred::Failure {
    Reactor::refusal("10.0.0.1:80")
}

#[track_caller]
pub(crate) fn has_no_timer(reactor: &Reactor) {
    assert_eq!(reactor.delayed_calls().len(), 0, "a delayed call is left");
}

#[test]
fn the_first_address_is_the_resolvers_first_of_either_family() {
    for (addresses, first, second) in [
        (["1.2.3.4", "1:2::3:4"], "1.2.3.4", "[1:2::3:4]"),
        (["1:2::3:4", "1.2.3.4"], "[1:2::3:4]", "1.2.3.4"),
    ] {
        let reactor = Reactor::new();
        let _connected = connecting(&reactor, &addresses);
        after(&reactor, 0, &[first]);
        after(&reactor, 250, &[second]);
    }
}

/// Twisted tries them as the resolver has them, one family after the other.
#[test]
fn the_families_take_turns() {
    let reactor = Reactor::new();
    let _connected = connecting(&reactor, &["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]);
    after(&reactor, 0, &["[::1]"]);
    after(&reactor, 250, &["10.0.0.1"]);
    after(&reactor, 250, &["[::2]"]);
    after(&reactor, 250, &["10.0.0.2"]);
    after(&reactor, 250, &["[::3]"]);
}

/// Twisted's time is 300 ms.
#[test]
fn the_first_attempt_begins_with_the_answer_and_the_second_250_ms_later() {
    let reactor = Reactor::new();
    let _connected = endpoint(&reactor).connect(factory());
    after(&reactor, 10_000, &[]);
    let answer = ["[::1]:80", "10.0.0.1:80"].map(|address| address.parse::<SocketAddr>().unwrap());
    reactor.resolve(Ok(answer.to_vec()));
    after(&reactor, 0, &["[::1]"]);
    after(&reactor, 249, &[]);
    after(&reactor, 1, &["10.0.0.1"]);
}

#[test]
fn the_attempt_delay_is_250_ms_unless_the_endpoint_has_another() {
    for (endpoint_delay, delay) in [(None, 250), (Some(12_500), 12_500), (Some(10), 10)] {
        let reactor = Reactor::new();
        reactor.knows("example.com", &["::1", "10.0.0.1", "::2"]);
        let endpoint = match endpoint_delay {
            None => endpoint(&reactor),
            Some(delay) => endpoint(&reactor).with_attempt_delay(Duration::from_millis(delay)),
        };
        let _connected = endpoint.connect(factory());
        after(&reactor, 0, &["[::1]"]);
        after(&reactor, delay - 1, &[]);
        after(&reactor, 1, &["10.0.0.1"]);
        after(&reactor, delay - 1, &[]);
        after(&reactor, 1, &["[::2]"]);
    }
}

/// In Twisted the next one waits for its time all the same.
#[test]
fn a_failed_attempt_brings_the_next_one_forward_and_the_delay_counts_from_that() {
    let reactor = Reactor::new();
    let _connected = connecting(&reactor, &["::1", "10.0.0.1", "::2"]);
    after(&reactor, 100, &["[::1]"]);
    reactor.answer(Err(refusal()));
    after(&reactor, 0, &["10.0.0.1"]);
    after(&reactor, 249, &[]);
    after(&reactor, 1, &["[::2]"]);
}

#[test]
fn an_attempt_that_fails_late_brings_the_next_one_forward_too() {
    let reactor = Reactor::new();
    let _connected = connecting(&reactor, &["::1", "10.0.0.1", "::2", "10.0.0.2"]);
    after(&reactor, 0, &["[::1]"]);
    after(&reactor, 250, &["10.0.0.1"]);
    reactor.clock().advance(Duration::from_millis(10));
    reactor.answer(Err(refusal()));
    after(&reactor, 0, &["[::2]"]);
    after(&reactor, 249, &[]);
    after(&reactor, 1, &["10.0.0.2"]);
    has_no_timer(&reactor);
}

#[test]
fn the_attempt_whose_connection_stands_first_wins_and_the_others_are_cancelled() {
    for winner in [0, 1, 2] {
        let reactor = Reactor::new();
        let connected = connecting(&reactor, &["::1", "10.0.0.1", "::2", "10.0.0.2"]);
        reactor.clock().advance(ATTEMPT_DELAY);
        reactor.clock().advance(ATTEMPT_DELAY);
        assert_eq!(reactor.tried(), ["[::1]:80", "10.0.0.1:80", "[::2]:80"]);
        reactor.answer_at(winner, Ok(()));
        result_of(connected).unwrap();
        assert_eq!(reactor.calls(), [Call::Cancelled, Call::Cancelled]);
        has_no_timer(&reactor);
    }
}

#[test]
fn the_first_attempt_alone_can_win_and_then_no_other_begins() {
    let reactor = Reactor::new();
    let connected = connecting(&reactor, &["1.2.3.4", "1:2::3:4"]);
    after(&reactor, 200, &["1.2.3.4"]);
    reactor.answer(Ok(()));
    result_of(connected).unwrap();
    has_no_timer(&reactor);
    after(&reactor, 1000, &[]);
}

#[test]
fn an_attempt_wins_as_well_when_every_address_has_begun() {
    let reactor = Reactor::new();
    let connected = connecting(&reactor, &["::1"]);
    after(&reactor, 5_000, &["[::1]"]);
    reactor.answer(Ok(()));
    result_of(connected).unwrap();
    has_no_timer(&reactor);
}

/// Twisted's ticker ticks on until the outcome is known.
#[test]
fn no_timer_runs_when_every_address_has_begun() {
    let reactor = Reactor::new();
    let _connected = connecting(&reactor, &["::1", "10.0.0.1"]);
    assert_eq!(reactor.delayed_calls().len(), 1);
    reactor.clock().advance(ATTEMPT_DELAY);
    has_no_timer(&reactor);
}

/// With Twisted's that is a loop without end.
#[test]
fn without_a_delay_all_attempts_begin_at_once() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["::1", "10.0.0.1", "::2"]);
    let endpoint = endpoint(&reactor).with_attempt_delay(Duration::ZERO);
    let connected = endpoint.connect(factory());
    after(&reactor, 0, &["[::1]", "10.0.0.1", "[::2]"]);
    has_no_timer(&reactor);
    reactor.answer_at(1, Err(refusal()));
    reactor.answer_at(1, Ok(()));
    result_of(connected).unwrap();
    let refusing = Reactor::new();
    refusing.knows("example.com", &["::1", "10.0.0.1", "::2"]);
    refusing.is(Mood::Refusing);
    let endpoint = self::endpoint(&refusing).with_attempt_delay(Duration::ZERO);
    let failure = result_of(endpoint.connect(factory())).unwrap_err();
    assert_eq!(refusing.tried(), ["[::1]:80", "10.0.0.1:80", "[::2]:80"]);
    let Some(ConnectError::AllFailed { attempts, .. }) = failure.downcast_ref() else { panic!() };
    assert_eq!(attempts.len(), 3);
}

#[test]
fn a_jump_of_time_over_several_delays_begins_one_attempt_and_the_rest_keep_their_distance() {
    let reactor = Reactor::new();
    let _connected = connecting(&reactor, &["::1", "10.0.0.1", "::2", "10.0.0.2"]);
    after(&reactor, 0, &["[::1]"]);
    let late = Duration::from_millis(1000);
    // The clock of the test stops at each time that is due; a reactor that was held up does not.
    let pending = reactor.delayed_calls();
    pending[0].reset(late).unwrap();
    after(&reactor, 1000, &["10.0.0.1"]);
    after(&reactor, 249, &[]);
    after(&reactor, 1, &["[::2]"]);
    after(&reactor, 250, &["10.0.0.2"]);
}

/// Twisted tries it twice.
#[test]
fn an_address_that_the_answer_has_twice_is_tried_once() {
    let reactor = Reactor::new();
    let _connected = connecting(&reactor, &["10.0.0.1", "10.0.0.1", "10.0.0.2"]);
    after(&reactor, 0, &["10.0.0.1"]);
    after(&reactor, 250, &["10.0.0.2"]);
    has_no_timer(&reactor);
}

#[test]
fn an_address_of_a_family_that_is_not_wanted_takes_no_turn() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["10.0.0.1", "::2", "10.0.0.3", "::4"]);
    let endpoint = TcpClientEndpoint::new_ipv6(reactor.clone(), name("example.com"), 80);
    let _connected = endpoint.connect(factory());
    after(&reactor, 0, &["[::2]"]);
    after(&reactor, 250, &["[::4]"]);
    has_no_timer(&reactor);
}

/// Twisted binds every attempt, and those of the other family fail.
#[test]
fn only_addresses_of_the_local_addresss_family_are_tried() {
    for (local, tried) in [
        (std::net::IpAddr::from(Ipv4Addr::LOCALHOST), "10.0.0.1"),
        (Ipv6Addr::LOCALHOST.into(), "[::2]"),
    ] {
        let reactor = Reactor::new();
        reactor.knows("example.com", &["::2", "10.0.0.1"]);
        let _connected = endpoint(&reactor).with_bind_address(local).connect(factory());
        after(&reactor, 0, &[tried]);
        after(&reactor, 1000, &[]);
    }
}

#[test]
fn the_port_of_the_answer_is_connected_to_with_the_time_limit_for_each_attempt() {
    let reactor = Reactor::new();
    let _connected = endpoint(&reactor).with_timeout(Duration::from_secs(7)).connect(factory());
    reactor.calls();
    let answer = ["10.0.0.1:8001", "[::1]:8002"].map(|address| address.parse().unwrap());
    reactor.resolve(Ok(answer.to_vec()));
    reactor.clock().advance(ATTEMPT_DELAY);
    let options: Vec<_> = reactor
        .calls()
        .into_iter()
        .map(|call| match call {
            Call::ConnectTcp(options) => (options.address.to_string(), options.timeout),
            other => panic!("{other:?}"),
        })
        .collect();
    let limit = Duration::from_secs(7);
    assert_eq!(options, [("10.0.0.1:8001".into(), limit), ("[::1]:8002".into(), limit)]);
}

#[test]
fn each_attempt_uses_the_factory_that_was_given() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["::1", "10.0.0.1"]);
    let factory = Rc::new(Counted::default());
    let _connected = endpoint(&reactor).connect(factory.clone());
    assert_eq!(factory.started.get(), 1);
    reactor.clock().advance(ATTEMPT_DELAY);
    assert_eq!(factory.started.get(), 2);
}
