//! Names and local addresses that an endpoint takes, and how it shows itself.
//!
//! Invariant: a host that is neither an address nor a name cannot be in an endpoint.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use interfaces::StreamClientEndpoint as _;
use ropewalk_endpoints::{BindAddress, Host, TcpClientEndpoint};

use crate::doubles::{Call, Reactor, factory};
use crate::hostname::name;

/// Twisted decodes it and keeps the text; here both are the name that DNS has.
#[test]
fn a_name_in_punycode_and_the_text_that_it_stands_for_are_one_host() {
    assert_eq!(name("xn--bcher-kva.ch"), name("b\u{fc}cher.ch"));
    assert_eq!(name("xn--bcher-kva.ch").to_string(), "xn--bcher-kva.ch");
}

/// Both as IDNA 2008 has it, but for symbols: Twisted refuses the snowman.
#[test]
fn the_sharp_s_has_a_name_of_its_own_and_symbols_are_let_through() {
    assert_eq!(name("fa\u{df}.de").to_string(), "xn--fa-hia.de");
    assert_eq!(name("\u{2603}.net").to_string(), "xn--n3h.net");
}

/// Twisted refuses the underscore, which the names of services have.
#[test]
fn names_that_dns_cannot_hold_are_refused_and_an_underscore_is_not() {
    let label = "a".repeat(64);
    for text in ["", "a b.example", "-a.example", &label, "a..b", "[::1]"] {
        assert!(text.parse::<Host>().is_err(), "{text:?}");
    }
    assert_eq!(name("_a.example").to_string(), "_a.example");
}

#[test]
fn a_dot_at_the_end_capitals_and_addresses_with_and_without_a_zone_are_taken_as_given() {
    for text in ["example.com.", "Example.COM", "127.0.0.1", "::1", "fe80::1%eth0", "fe80::1%2"] {
        assert_eq!(name(text).to_string(), text);
    }
}

#[test]
fn an_endpoint_shows_its_host_in_punycode_and_an_ipv6_address_in_brackets() {
    let shown =
        |host: &str| format!("{:?}", TcpClientEndpoint::new(Reactor::new(), name(host), 22));
    assert_eq!(shown("b\u{fc}cher.ch"), "TcpClientEndpoint(xn--bcher-kva.ch:22)");
    assert_eq!(shown("::1"), "TcpClientEndpoint([::1]:22)");
    assert_eq!(shown("fe80::1%eth0"), "TcpClientEndpoint([fe80::1%eth0]:22)");
    assert_eq!(shown("10.0.0.1"), "TcpClientEndpoint(10.0.0.1:22)");
}

/// Twisted's endpoint keeps such a host and shows it with backslashes.
#[test]
fn a_host_that_is_no_name_makes_no_endpoint_and_its_error_is_shown_safely() {
    let mistake = Reactor::new().registry().parse_client("tcp:a\u{1b}b:22").map(|_| ());
    let report = mistake.unwrap_err().report();
    assert!(!report.contains('\u{1b}') && report.contains("host"), "{report}");
}

/// The local address of the one attempt of an endpoint.
fn bound(bind_address: Option<BindAddress>) -> Option<SocketAddr> {
    let reactor = Reactor::new();
    reactor.knows("example.com", &["10.0.0.1"]);
    let mut endpoint = TcpClientEndpoint::new(reactor.clone(), name("example.com"), 80);
    if let Some(bind_address) = bind_address {
        endpoint = endpoint.with_bind_address(bind_address);
    }
    let _connected = endpoint.connect(factory());
    let calls = reactor.calls();
    let [Call::Resolve(_), Call::ConnectTcp(options)] = &calls[..] else { panic!("{calls:?}") };
    options.bind_address
}

#[test]
fn a_local_address_with_a_port_goes_to_the_reactor_unchanged() {
    let local: SocketAddr = "10.0.0.2:49595".parse().unwrap();
    assert_eq!(bound(Some(local.into())), Some(local));
    assert_eq!(bound(Some(BindAddress::from(local))), Some(local));
}

#[test]
fn a_local_address_alone_has_a_free_port() {
    let free: SocketAddr = "10.0.0.2:0".parse().unwrap();
    assert_eq!(bound(Some(Ipv4Addr::new(10, 0, 0, 2).into())), Some(free));
    assert_eq!(bound(Some("10.0.0.2".parse::<IpAddr>().unwrap().into())), Some(free));
}

#[test]
fn without_a_local_address_the_system_takes_one() {
    assert_eq!(bound(None), None);
}
