//! The resolver of tests: its names, its errors, its delays.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{AddressFamily, ResolveError, Resolver};
use ropewalk_protocol::testing::{Clock, FakeResolver};
use testkit::result_of;

const SECOND: Duration = Duration::from_secs(1);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn texts(addresses: Result<Vec<SocketAddr>, Failure>) -> Vec<String> {
    addresses.expect("addresses").iter().map(ToString::to_string).collect()
}

fn error(look_up: Deferred<Vec<SocketAddr>>) -> ResolveError {
    let failure = result_of(look_up).expect_err("no addresses");
    failure.downcast_ref::<ResolveError>().expect("an error of a resolver").clone()
}

fn delayed() -> (Clock, Rc<Clock>, FakeResolver) {
    let clock = Clock::new();
    let time = Rc::new(clock.clone());
    let resolver = FakeResolver::with_time(&time);
    (clock, time, resolver)
}

#[test]
fn a_name_has_its_addresses_in_order_and_a_number_has_itself() {
    let resolver = FakeResolver::new();
    resolver.set("Web.test", [ip("192.0.2.1"), ip("2001:db8::1")]);
    let both = result_of(resolver.resolve_host_name("web.TEST.", 80));
    assert_eq!(texts(both), ["192.0.2.1:80", "[2001:db8::1]:80"]);
    let one = result_of(resolver.resolve_family("web.test", 81, AddressFamily::Ipv6));
    assert_eq!(texts(one), ["[2001:db8::1]:81"]);
    assert_eq!(texts(result_of(resolver.resolve_host_name("::1", 82))), ["[::1]:82"]);
    assert_eq!(resolver.asked(), ["web.TEST.", "web.test"]);
    assert!(resolver.asked().is_empty(), "since the last call");
    assert_eq!(resolver.waiting(), 0);
}

#[test]
fn every_error_of_a_resolver_can_be_had() {
    let resolver = FakeResolver::new();
    resolver.set("empty.test", []);
    resolver.fail("broken.test", "server failure");
    resolver.time_out("slow.test", SECOND);
    let reason_of = |host: &str| match error(resolver.resolve_host_name(host, 1)) {
        ResolveError::Failed { host: named, reason } => {
            assert_eq!(named, host);
            reason
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(reason_of("empty.test"), "the name has no address");
    assert_eq!(reason_of("broken.test"), "server failure");
    assert_eq!(reason_of("other.test"), "the name does not exist");
    let late = ResolveError::TimedOut { host: "slow.test".into(), after: SECOND };
    assert_eq!(error(resolver.resolve_host_name("slow.test", 1)), late);
    resolver.forget("broken.test");
    assert_eq!(reason_of("broken.test"), "the name does not exist");
}

#[test]
fn answers_come_after_the_delay_that_was_set_when_they_were_asked_for() {
    let (clock, _time, resolver) = delayed();
    resolver.set("web.test", [ip("192.0.2.1")]);
    resolver.set_delay(2 * SECOND);
    let slow = resolver.resolve_host_name("web.test", 1);
    resolver.set_delay(SECOND);
    let quick = resolver.resolve_host_name("web.test", 2);
    resolver.set_delay(Duration::ZERO);
    assert!(resolver.resolve_host_name("web.test", 3).is_fired());
    clock.advance(SECOND);
    assert!(quick.is_fired() && !slow.is_fired());
    resolver.set("web.test", [ip("192.0.2.9")]);
    assert!(!slow.is_fired(), "its delay is not over");
    clock.advance(SECOND);
    assert_eq!(texts(result_of(slow)), ["192.0.2.9:1"], "the name as it is by then");
    assert_eq!(texts(result_of(quick)), ["192.0.2.1:2"]);
    assert_eq!(clock.pending(), 0);
}

#[test]
fn a_name_that_does_not_answer_waits_for_the_test_or_for_its_cancellation() {
    let (clock, _time, resolver) = delayed();
    resolver.do_not_answer("web.test");
    let (one, two) =
        (resolver.resolve_host_name("web.test", 1), resolver.resolve_host_name("WEB.test", 2));
    resolver.set_delay(SECOND);
    let three = resolver.resolve_host_name("web.test", 3);
    clock.advance(10 * SECOND);
    assert_eq!(resolver.waiting(), 3);
    two.cancel_handle().cancel();
    assert!(result_of(two).unwrap_err().check::<Cancelled>());
    assert_eq!((resolver.cancelled(), resolver.waiting()), (vec!["WEB.test".to_owned()], 2));
    resolver.set("web.test", [ip("192.0.2.1")]);
    assert_eq!(texts(result_of(one)), ["192.0.2.1:1"]);
    assert_eq!(texts(result_of(three)), ["192.0.2.1:3"]);
    assert_eq!(resolver.waiting(), 0);
}

#[test]
fn a_look_up_that_is_cancelled_leaves_no_timer() {
    let (clock, _time, resolver) = delayed();
    resolver.set_delay(SECOND);
    let look_up = resolver.resolve_host_name("web.test", 1);
    assert_eq!(clock.pending(), 1);
    look_up.cancel_handle().cancel();
    assert!(result_of(look_up).unwrap_err().check::<Cancelled>());
    assert_eq!((clock.pending(), resolver.waiting()), (0, 0));
}

#[test]
fn an_answer_may_ask_and_change_names_again() {
    let resolver = FakeResolver::new();
    resolver.do_not_answer("one.test");
    let told = Rc::new(RefCell::new(Vec::new()));
    let (again, seen) = (resolver.clone(), told.clone());
    let chain = resolver.resolve_host_name("one.test", 1).add_callback(move |addresses| {
        seen.borrow_mut().extend(addresses);
        again.set("two.test", [ip("192.0.2.2")]);
        again.resolve_host_name("two.test", 2)
    });
    resolver.set("one.test", [ip("192.0.2.1")]);
    assert_eq!(texts(result_of(chain)), ["192.0.2.2:2"]);
    assert_eq!(told.borrow()[0].to_string(), "192.0.2.1:1");
}

#[test]
fn it_does_not_keep_its_clock_alive() {
    let (clock, time, resolver) = delayed();
    resolver.set_delay(SECOND);
    drop((clock, time));
    let look_up = resolver.resolve_host_name("web.test", 1);
    assert!(!look_up.is_fired());
    look_up.cancel_handle().cancel();
    assert!(result_of(look_up).is_err());
}
