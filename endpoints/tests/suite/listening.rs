//! What a server endpoint asks of its reactor.
//!
//! Invariant: an endpoint asks for nothing before it is told to listen.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use deferred::{Cancelled, Deferred};
use interfaces::{
    BACKLOG_MAX, ListenError, ListenTcp, ListenUnix, ListeningPort, LockFile, ResolveError,
    StreamServerEndpoint, UnixAddress,
};
use ropewalk_endpoints::{Host, TcpServerEndpoint, UnixServerEndpoint};
use testkit::result_of;

use crate::doubles::{Call, Mood, Reactor, factory};

fn listen(reactor: &Reactor, text: &str) -> Deferred<Rc<dyn ListeningPort>> {
    let parsed = reactor.registry().parse_server(text).unwrap();
    assert_eq!(reactor.calls(), [], "{text} opened something");
    parsed.endpoint.listen(factory())
}

fn tcp(address: &str, backlog: u32) -> Call {
    let address: SocketAddr = address.parse().unwrap();
    Call::ListenTcp(ListenTcp::new(address).with_backlog(backlog))
}

#[test]
fn a_tcp_string_listens_where_it_says() {
    for (text, address, backlog) in [
        ("tcp:80", "0.0.0.0:80", BACKLOG_MAX),
        ("tcp:0", "0.0.0.0:0", BACKLOG_MAX),
        ("tcp:80:127.0.0.1:7", "127.0.0.1:80", 7),
        ("tcp:80::6", "0.0.0.0:80", 6),
        ("tcp:80:backlog=50", "0.0.0.0:80", 50),
        ("tcp:80:backlog=max", "0.0.0.0:80", BACKLOG_MAX),
        ("tcp:80:interface=[::1]", "[::1]:80", BACKLOG_MAX),
        ("tcp6:80", "[::]:80", BACKLOG_MAX),
        ("TCP6:80:7:[fe80::1%3]", "[fe80::1%3]:80", 7),
    ] {
        let reactor = Reactor::new();
        let port = result_of(listen(&reactor, text)).unwrap();
        assert_eq!(port.host().to_string(), address, "{text}");
        assert_eq!(reactor.calls(), [tcp(address, backlog)], "{text}");
    }
}

#[test]
fn a_unix_string_listens_where_it_says() {
    let path = |name: &str| UnixAddress::Path(Rc::from(name.as_bytes()));
    let hidden = |name: &str| UnixAddress::Abstract(Rc::from(name.as_bytes()));
    let ignored = LockFile::Ignored;
    for (text, expected) in [
        ("unix:/a", ListenUnix::new(path("/a"))),
        (
            "unix:/a:660:5:0",
            ListenUnix::new(path("/a")).with_mode(0o660).with_backlog(5).with_lock_file(ignored),
        ),
        ("unix:abstract=x", ListenUnix::new(hidden("x")).with_lock_file(ignored)),
        ("unix:\0x", ListenUnix::new(hidden("x")).with_lock_file(ignored)),
    ] {
        let reactor = Reactor::new();
        let port = result_of(listen(&reactor, text)).unwrap();
        assert_eq!(port.host(), expected.address.clone().into(), "{text}");
        assert_eq!(reactor.calls(), [Call::ListenUnix(expected)], "{text}");
    }
}

#[test]
fn a_reactor_that_cannot_listen_fails_the_deferred() {
    for text in ["tcp:80", "tcp6:80", "unix:/a"] {
        let reactor = Reactor::new();
        reactor.is(Mood::Refusing);
        let failure = result_of(listen(&reactor, text)).expect_err(text);
        assert!(failure.check::<ListenError>(), "{failure:?}");
    }
}

#[test]
fn listening_again_is_a_request_of_its_own() {
    let reactor = Reactor::new();
    let endpoint = TcpServerEndpoint::new(reactor.clone(), 80).with_backlog(100);
    let endpoint = endpoint.with_interface(Ipv4Addr::LOCALHOST);
    drop(endpoint.listen(factory()));
    drop(endpoint.listen(factory()));
    assert_eq!(reactor.calls(), [tcp("127.0.0.1:80", 100), tcp("127.0.0.1:80", 100)]);
}

#[test]
fn a_name_means_its_first_address_of_ipv4_and_of_ipv6_to_tcp6() {
    for (text, address) in
        [("tcp:80:localhost", "127.0.0.1:80"), ("tcp6:80:7:localhost", "[::1]:80")]
    {
        let reactor = Reactor::new();
        reactor.knows("localhost", &["::1", "::2", "127.0.0.1", "127.0.0.2"]);
        let port = result_of(listen(&reactor, text)).unwrap();
        assert_eq!(port.host().to_string(), address);
        assert_eq!(reactor.calls()[0], Call::Resolve("localhost".into()));
    }
}

#[test]
fn a_name_without_an_address_of_the_family_fails() {
    let reactor = Reactor::new();
    reactor.knows("localhost", &["127.0.0.1"]);
    let failure = result_of(listen(&reactor, "tcp6:80:7:localhost")).expect_err("no ::1");
    assert_eq!(failure.to_string(), "cannot find the address of localhost: it has no IPv6 address");
    let endpoint = TcpServerEndpoint::new_ipv6(reactor.clone(), 80);
    let endpoint = endpoint.with_interface("127.0.0.1".parse::<Host>().unwrap());
    assert!(result_of(endpoint.listen(factory())).expect_err("no ::1").check::<ResolveError>());
}

#[test]
fn a_zone_with_a_name_is_for_the_resolver() {
    let reactor = Reactor::new();
    let port = listen(&reactor, "tcp:80:[fe80::1%eth0]");
    assert_eq!(reactor.calls(), [Call::Resolve("fe80::1%eth0".into())]);
    reactor.resolve(Ok(vec!["[fe80::1%2]:80".parse().unwrap()]));
    assert_eq!(result_of(port).unwrap().host().to_string(), "[fe80::1%2]:80");
}

#[test]
fn cancelling_while_the_name_is_looked_up_listens_nowhere() {
    let reactor = Reactor::new();
    let port = listen(&reactor, "tcp:80:localhost");
    port.cancel_handle().cancel();
    assert!(result_of(port).expect_err("cancelled").check::<Cancelled>());
    assert_eq!(reactor.calls(), [Call::Resolve("localhost".into()), Call::Cancelled]);
}

#[test]
fn endpoints_can_be_made_without_strings() {
    let reactor = Reactor::new();
    let path = UnixAddress::Path(Rc::from(&b"/a"[..]));
    let options = ListenUnix::new(path).with_mode(0o666).with_backlog(100);
    let endpoint = UnixServerEndpoint::new(reactor.clone(), options.clone());
    drop(endpoint.listen(factory()));
    let endpoint =
        TcpServerEndpoint::new_ipv6(reactor.clone(), 0).with_interface(Ipv6Addr::LOCALHOST);
    drop(endpoint.listen(factory()));
    assert_eq!(reactor.calls(), [Call::ListenUnix(options), tcp("[::1]:0", BACKLOG_MAX)]);
}

#[test]
fn every_address_is_that_of_ipv4_where_there_is_no_ipv6_and_the_port_says_so() {
    for (mood, address) in [
        (Mood::Patient, "[::]:80"),
        (Mood::WithoutIpv6(97), "0.0.0.0:80"),
        (Mood::WithoutIpv6(99), "0.0.0.0:80"),
    ] {
        let reactor = Reactor::new();
        reactor.is(mood);
        let endpoint =
            TcpServerEndpoint::new(reactor.clone(), 80).with_backlog(9).with_every_address();
        let port = result_of(endpoint.listen(factory())).unwrap();
        assert_eq!(port.host().to_string(), address, "{mood:?}");
        assert_eq!(reactor.calls().last(), Some(&tcp(address, 9)), "{mood:?}");
    }
}

#[test]
fn an_ipv6_address_that_was_asked_for_and_any_other_error_is_never_replaced() {
    for text in ["tcp6:80", "tcp:80:interface=[::]", "tcp:80:interface=[::1]"] {
        let reactor = Reactor::new();
        reactor.is(Mood::WithoutIpv6(97));
        let failure = result_of(listen(&reactor, text)).err().unwrap();
        assert!(failure.to_string().starts_with("cannot listen on [::"), "{text}: {failure}");
        assert_eq!(reactor.calls().len(), 1, "{text}");
    }
    let reactor = Reactor::new();
    reactor.is(Mood::WithoutIpv6(98));
    let endpoint = TcpServerEndpoint::new(reactor.clone(), 80).with_every_address();
    assert!(result_of(endpoint.listen(factory())).is_err(), "an address in use is in use");
    assert_eq!(reactor.calls().len(), 1);
}
