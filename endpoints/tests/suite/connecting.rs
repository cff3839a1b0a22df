//! What a client endpoint asks of its reactor, and what becomes of its attempts.
//!
//! Invariant: time stands still; what it does is told in `hostname`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred};
use interfaces::{
    ConnectError, ConnectTcp, ConnectUnix, LockFile, ResolveError, StreamClientEndpoint,
    UnixAddress,
};
use ropewalk_endpoints::{Host, TcpClientEndpoint, UnixClientEndpoint};
use testkit::result_of;

use crate::doubles::{Call, Counted, Mood, OnCancel, Reactor, factory};

fn connect(reactor: &Reactor, text: &str) -> Deferred<()> {
    let parsed = reactor.registry().parse_client(text).unwrap();
    assert_eq!(reactor.calls(), [], "{text} opened something");
    parsed.endpoint.connect(factory())
}

fn tcp(address: &str, seconds: u64, from: Option<&str>) -> Call {
    let address: SocketAddr = address.parse().unwrap();
    Call::ConnectTcp(
        ConnectTcp::new(address)
            .with_timeout(Duration::from_secs(seconds))
            .with_bind_address(from.map(|from| from.parse().unwrap())),
    )
}

#[test]
fn a_tcp_string_connects_where_it_says_and_asks_no_resolver() {
    for (text, expected) in [
        ("tcp:127.0.0.1:80", tcp("127.0.0.1:80", 30, None)),
        ("tcp:host=127.0.0.1:80:timeout=7", tcp("127.0.0.1:80", 7, None)),
        ("tcp:127.0.0.1:port=80:timeout=2m", tcp("127.0.0.1:80", 120, None)),
        ("tCp:127.0.0.1:80:bindAddress=10.0.0.2", tcp("127.0.0.1:80", 30, Some("10.0.0.2:0"))),
        ("tcp:[::1]:80", tcp("[::1]:80", 30, None)),
        ("tcp6:[fe80::1%3]:80:bindAddress=[::1]", tcp("[fe80::1%3]:80", 30, Some("[::1]:0"))),
    ] {
        let reactor = Reactor::new();
        let connected = connect(&reactor, text);
        assert_eq!(reactor.calls(), [expected], "{text}");
        assert!(!connected.is_fired());
        reactor.answer(Ok(()));
        result_of(connected).unwrap();
    }
}

#[test]
fn the_resolver_is_asked_for_a_name_in_ascii() {
    for (name, ascii) in [
        ("Example.com.", "Example.com."),
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("bu\u{308}cher.example", "xn--bcher-kva.example"),
        ("B\u{dc}CHER.example", "xn--bcher-kva.example"),
        ("b\u{fc}cher\u{3002}example", "xn--bcher-kva.example"),
        ("b\u{fc}cher_1.example.", "xn--bcher_1-n2a.example."),
    ] {
        let reactor = Reactor::new();
        let _connected = connect(&reactor, &format!("tcp:{name}:80"));
        assert_eq!(reactor.calls(), [Call::Resolve(ascii.into())], "{name}");
    }
}

#[test]
fn a_name_that_dns_cannot_hold_and_an_address_in_other_digits_are_refused() {
    let long = "\u{fc}".repeat(300);
    let names = ["\u{fc}\u{202e}.example", "\u{fc} .example", "\u{ff11}.2.3.4", "\u{3002}", &long];
    for name in names {
        assert!(name.parse::<Host>().is_err(), "{name:?}");
    }
}

#[test]
fn a_unix_string_connects_where_it_says() {
    let path = || ConnectUnix::new(UnixAddress::Path(Rc::from(&b"/a"[..])));
    let hidden = UnixAddress::Abstract(Rc::from(&b"x"[..]));
    let used = LockFile::Used;
    for (text, expected) in [
        ("unix:/a", path()),
        (
            "unix:path=/a:lockfile=1:timeout=9",
            path().with_lock_file(used).with_timeout(Duration::from_secs(9)),
        ),
        ("UNIX:/a:checkPID=1", path().with_lock_file(used)),
        ("unix:/a:checkPID=1:lockfile=0", path()),
        ("unix:abstract=x", ConnectUnix::new(hidden.clone())),
        ("unix:\0x", ConnectUnix::new(hidden)),
    ] {
        let reactor = Reactor::new();
        let connected = connect(&reactor, text);
        assert_eq!(reactor.calls(), [Call::ConnectUnix(expected)], "{text}");
        reactor.answer(Ok(()));
        result_of(connected).unwrap();
    }
}

#[test]
fn a_numeric_address_fails_as_its_attempt_fails() {
    for text in ["tcp:127.0.0.1:80", "tcp6:[::1]:80", "unix:/a"] {
        let reactor = Reactor::new();
        reactor.is(Mood::Refusing);
        let failure = result_of(connect(&reactor, text)).unwrap_err();
        assert!(matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })), "{text}");
    }
}

#[test]
fn the_addresses_of_a_name_are_tried_in_order_until_one_connects() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["::1", "10.0.0.1", "10.0.0.2"]);
    let factory = Rc::new(Counted::default());
    let parsed = reactor.registry().parse_client("tcp:example.com:80:timeout=5").unwrap();
    let connected = parsed.endpoint.connect(factory.clone());
    let first = tcp("[::1]:80", 5, None);
    assert_eq!(reactor.calls(), [Call::Resolve("example.com".into()), first]);
    reactor.answer(Err(Reactor::refusal("[::1]:80")));
    assert_eq!(reactor.calls(), [tcp("10.0.0.1:80", 5, None)]);
    reactor.answer(Ok(()));
    assert_eq!(reactor.calls(), []);
    result_of(connected).unwrap();
    assert_eq!(factory.started.get(), 2, "each attempt uses the factory");
}

#[test]
fn when_every_address_fails_each_is_listed() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["::1", "10.0.0.1"]);
    reactor.is(Mood::Refusing);
    let failure = result_of(connect(&reactor, "tcp:example.com:80")).unwrap_err();
    let Some(ConnectError::AllFailed { host, attempts }) = failure.downcast_ref() else {
        panic!("{failure:?}")
    };
    assert_eq!(host, "example.com");
    let tried: Vec<_> = attempts.iter().map(|attempt| attempt.address.to_string()).collect();
    assert_eq!(tried, ["[::1]:80", "10.0.0.1:80"]);
    assert!(failure.to_string().contains("cannot connect to 10.0.0.1:80: "), "{failure}");
}

#[test]
fn a_name_that_is_not_found_fails_as_the_resolver_says() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:nowhere.example:80");
    let error = ResolveError::Failed { host: "nowhere.example".into(), reason: "no such".into() };
    reactor.resolve(Err(error.clone().into()));
    assert_eq!(result_of(connected).unwrap_err().downcast_ref(), Some(&error));
}

#[test]
fn a_tcp6_client_takes_the_ipv6_addresses_of_a_name() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["10.0.0.1", "::2", "::3"]);
    reactor.is(Mood::Refusing);
    drop(result_of(connect(&reactor, "tcp6:example.com:80")));
    assert_eq!(reactor.tried(), ["[::2]:80", "[::3]:80"]);
    reactor.knows("example.com", &["10.0.0.1"]);
    let failure = result_of(connect(&reactor, "tcp6:example.com:80")).unwrap_err();
    assert!(failure.to_string().ends_with("it has no IPv6 address"), "{failure}");
}

/// endpoint-tcp-029, endpoint-tcp-030: the resolver is asked for both families, as Happy Eyeballs does, and
/// those of the other one are left out. Twisted connects to the first address and gives up then.
#[test]
fn a_tcp6_client_asks_once_for_a_name_and_connects_to_its_first_ipv6_address_before_any_other() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp6:example.com:80:timeout=7:bindAddress=[::9]");
    assert_eq!(reactor.calls(), [Call::Resolve("example.com".into())]);
    let answer = ["[::2]:80", "10.0.0.1:80", "[::3]:80"].map(|address| address.parse().unwrap());
    reactor.resolve(Ok(answer.to_vec()));
    assert_eq!(reactor.calls(), [tcp("[::2]:80", 7, Some("[::9]:0"))]);
    reactor.answer(Err(Reactor::refusal("[::2]:80")));
    assert_eq!(reactor.calls(), [tcp("[::3]:80", 7, Some("[::9]:0"))]);
    reactor.answer(Ok(()));
    assert_eq!(reactor.calls(), []);
    result_of(connected).unwrap();
}

/// endpoint-tcp-032
#[test]
fn a_look_up_that_fails_or_finds_nothing_is_the_error_of_a_tcp6_client() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp6:nowhere.example:80");
    let error = ResolveError::Failed { host: "nowhere.example".into(), reason: "no such".into() };
    reactor.resolve(Err(error.clone().into()));
    assert_eq!(result_of(connected).unwrap_err().downcast_ref(), Some(&error));
    reactor.calls();
    let connected = connect(&reactor, "tcp6:nowhere.example:80");
    reactor.resolve(Ok(Vec::new()));
    assert!(result_of(connected).unwrap_err().check::<ResolveError>());
}

#[test]
fn the_address_to_connect_from_chooses_the_family() {
    for (from, tried) in [("10.9.9.9", "10.0.0.1:80"), (r"\:\:9", "[::2]:80")] {
        let reactor = Reactor::new();
        reactor.knows("example.com", &["::2", "10.0.0.1"]);
        reactor.is(Mood::Refusing);
        drop(result_of(connect(&reactor, &format!("tcp:example.com:80:bindAddress={from}"))));
        assert_eq!(reactor.tried(), [tried]);
    }
}

#[test]
fn a_name_with_a_thousand_addresses_is_not_tried_for_ever() {
    let reactor = Reactor::new();
    let addresses: Vec<_> = (0..1000).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    reactor.knows("example.com", &addresses);
    reactor.is(Mood::Refusing);
    drop(result_of(connect(&reactor, "tcp:example.com:80")));
    assert_eq!(reactor.tried().len(), 32);
}

#[test]
fn a_connection_that_ended_at_once_has_run_the_protocol_so_no_other_address_is_tried() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["::1", "10.0.0.1"]);
    let connected = connect(&reactor, "tcp:example.com:80");
    let address: SocketAddr = "[::1]:80".parse().unwrap();
    reactor.answer(Err(ConnectError::EndedAtOnce { address: address.into() }.into()));
    let failure = result_of(connected).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::EndedAtOnce { .. })));
    assert_eq!(reactor.tried(), ["[::1]:80"]);
}

#[test]
fn cancelling_stops_the_look_up() {
    let reactor = Reactor::new();
    let connected = connect(&reactor, "tcp:example.com:80");
    connected.cancel_handle().cancel();
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    assert_eq!(reactor.calls(), [Call::Resolve("example.com".into()), Call::Cancelled]);
}

#[test]
fn cancelling_stops_the_attempt_and_begins_no_other_whatever_it_is_called() {
    for outcome in [OnCancel::Cancelled, OnCancel::ErrorOfItsOwn] {
        let reactor = Reactor::new();
        reactor.fails_when_cancelled_with(outcome);
        reactor.knows("example.com", &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        let connected = connect(&reactor, "tcp:example.com:80");
        reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
        reactor.calls();
        connected.cancel_handle().cancel();
        assert_eq!(reactor.calls(), [Call::Cancelled]);
        let failure = result_of(connected).unwrap_err();
        assert!(failure.check::<Cancelled>(), "{outcome:?}: {failure:?}");
    }
}

#[test]
fn cancelling_what_is_connected_does_nothing() {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["10.0.0.1"]);
    let connected = connect(&reactor, "tcp:example.com:80");
    reactor.answer(Ok(()));
    reactor.calls();
    connected.cancel_handle().cancel();
    assert_eq!(reactor.calls(), []);
    result_of(connected).unwrap();
}

#[test]
fn endpoints_can_be_made_without_strings() {
    let reactor = Reactor::new();
    let host: Host = "10.0.0.1".parse::<IpAddr>().unwrap().into();
    let endpoint = TcpClientEndpoint::new(reactor.clone(), host, 80)
        .with_timeout(Duration::from_secs(10))
        .with_bind_address(Ipv4Addr::new(10, 0, 0, 2));
    drop(endpoint.connect(factory()));
    assert_eq!(reactor.calls(), [tcp("10.0.0.1:80", 10, Some("10.0.0.2:0"))]);
    let options = ConnectUnix::new(UnixAddress::Path(Rc::from(&b"/a"[..])));
    drop(UnixClientEndpoint::new(reactor.clone(), options.clone()).connect(factory()));
    assert_eq!(reactor.calls(), [Call::ConnectUnix(options)]);
    reactor.knows("example.com", &["10.0.0.1", "::1"]);
    let host: Host = "example.com".parse().unwrap();
    drop(TcpClientEndpoint::new_ipv6(reactor.clone(), host, 80).connect(factory()));
    assert_eq!(reactor.tried(), ["[::1]:80"]);
}
