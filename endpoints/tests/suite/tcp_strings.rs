//! What the strings of kind `tcp` and `tcp6` mean, argument by argument.
//!
//! Invariant: a mistake is a [`Problem`] with its place, found before anything is opened.

use std::net::SocketAddr;
use std::time::Duration;

use interfaces::{
    BACKLOG_MAX, ConnectTcp, ListenTcp, StreamClientEndpoint as _, StreamServerEndpoint as _,
};
use ropewalk_endpoints::{Problem, Side, TcpClientEndpoint, TcpServerEndpoint};
use testkit::result_of;

use crate::doubles::{Call, Reactor, factory};
use crate::hostname::name;

/// The canonical form of a server string.
#[track_caller]
fn server(text: &str) -> String {
    Reactor::new().registry().parse_server(text).expect(text).description.to_string()
}

#[track_caller]
fn client(text: &str) -> String {
    Reactor::new().registry().parse_client(text).expect(text).description.to_string()
}

#[track_caller]
fn server_problem(text: &str) -> Problem {
    Reactor::new().registry().parse_server(text).expect_err(text).problem().clone()
}

#[track_caller]
fn client_problem(text: &str) -> Problem {
    Reactor::new().registry().parse_client(text).expect_err(text).problem().clone()
}

/// What the reactor is asked for when this string listens.
#[track_caller]
fn listens(text: &str, expected: ListenTcp) {
    let reactor = Reactor::new();
    let endpoint = reactor.registry().server(text).expect(text);
    result_of(endpoint.listen(factory())).unwrap();
    assert_eq!(reactor.calls(), [Call::ListenTcp(expected)], "{text}");
}

fn at(address: &str) -> ListenTcp {
    ListenTcp::new(address.parse::<SocketAddr>().unwrap())
}

#[track_caller]
fn is_invalid(problem: &Problem, name: &str, value: &str) {
    let Problem::Invalid { argument, given, .. } = problem else { panic!("{problem:?}") };
    assert_eq!((*argument, given.as_str()), (name, value));
}

/// endpoint-parse-012
#[test]
fn of_an_option_that_is_given_twice_the_later_value_counts() {
    assert_eq!(server("tcp:80:backlog=1:backlog=2"), "tcp:port=80:interface=0.0.0.0:backlog=2");
    assert_eq!(client("tcp:a:1:timeout=1:timeout=2"), "tcp:host=a:port=1:timeout=2");
}

/// endpoint-parse-014, endpoint-parse-017, endpoint-parse-040
#[test]
fn an_option_is_known_by_its_exact_letters_and_any_other_is_named_as_unknown() {
    for text in ["Interface", "BACKLOG", "bäcklog", "colour", "factory", ""] {
        let expected = |side| Problem::UnknownOption { option: text.into(), kind: "tcp", side };
        assert_eq!(server_problem(&format!("tcp:80:{text}=x")), expected(Side::Server));
        assert_eq!(client_problem(&format!("tcp:a:80:{text}=x")), expected(Side::Client));
    }
}

/// endpoint-parse-022
#[test]
fn the_plain_colons_of_an_ipv6_address_are_a_mistake_with_a_hint_at_brackets() {
    let mistake = Reactor::new().registry().parse_server("tcp:80:interface=::1").unwrap_err();
    assert!(matches!(mistake.problem(), Problem::GivenTwice { argument: "interface", .. }));
    assert_eq!(mistake.help().unwrap(), "an IPv6 address goes into brackets: `[::1]`");
}

/// endpoint-parse-041
#[test]
fn an_argument_without_a_default_is_named_where_it_is_missing() {
    for (text, argument, kind) in
        [("tcp", "port", "tcp"), ("tcp6", "port", "tcp6"), ("unix", "address", "unix")]
    {
        let expected = Problem::Missing { argument, kind, side: Side::Server };
        assert_eq!(server_problem(text), expected);
    }
}

/// endpoint-parse-042
#[test]
fn a_value_by_position_that_no_argument_takes_is_a_mistake() {
    for (text, given, kind) in
        [("tcp:80:127.0.0.1:6:extra", "extra", "tcp"), ("unix:/a:660:5:0:x", "x", "unix")]
    {
        let expected = Problem::Surplus { given: given.into(), kind, side: Side::Server };
        assert_eq!(server_problem(text), expected);
    }
}

/// endpoint-parse-043
#[test]
fn an_argument_by_position_and_by_name_is_a_mistake() {
    let expected = Problem::GivenTwice { argument: "port", kind: "tcp", side: Side::Server };
    assert_eq!(server_problem("tcp:80:port=81"), expected);
}

/// endpoint-parse-045: other scripts' digits are refused, and so is a sign that makes a port negative.
#[test]
fn a_number_is_of_decimal_ascii_digits_and_may_have_spaces_a_plus_zeros_and_underscores() {
    for text in [" 80 ", "+80", "080", "8_0"] {
        assert!(server(&format!("tcp:{text}")).starts_with("tcp:port=80:"), "{text}");
    }
    for text in ["", "http", "0x50", "80.0", "٨٠", "８０", "8__0", "_80", "8 0", "-80"] {
        is_invalid(&server_problem(&format!("tcp:{text}")), "port", text);
        is_invalid(&client_problem(&format!("tcp:a:{text}")), "port", text);
    }
}

/// endpoint-parse-046
#[test]
fn a_port_out_of_range_is_a_mistake_of_the_string() {
    for text in ["-1", "65536", "100000000000000000000"] {
        is_invalid(&server_problem(&format!("tcp:{text}")), "port", text);
        is_invalid(&client_problem(&format!("tcp:a:{text}")), "port", text);
    }
}

/// endpoint-tcp-001, endpoint-tcp-002: the backlog of Twisted is 50.
#[test]
fn a_server_listens_on_every_address_of_its_family_with_the_largest_backlog() {
    let expected = [at("0.0.0.0:80"), at("[::]:80")].map(|it| it.with_backlog(BACKLOG_MAX));
    listens("tcp:80", expected[0].clone());
    listens("tcp6:80", expected[1].clone());
    let reactor = Reactor::new();
    drop(TcpServerEndpoint::new(reactor.clone(), 80).listen(factory()));
    drop(TcpServerEndpoint::new_ipv6(reactor.clone(), 80).listen(factory()));
    assert_eq!(reactor.calls(), expected.map(Call::ListenTcp));
}

/// endpoint-tcp-003
#[test]
fn a_client_has_30_seconds_and_no_local_address() {
    let reactor = Reactor::new();
    let _ipv4 = TcpClientEndpoint::new(reactor.clone(), name("10.0.0.1"), 80).connect(factory());
    let _ipv6 = TcpClientEndpoint::new_ipv6(reactor.clone(), name("::1"), 80).connect(factory());
    let _parsed = reactor.registry().client("tcp:10.0.0.1:80").unwrap().connect(factory());
    let expected = ["10.0.0.1:80", "[::1]:80", "10.0.0.1:80"].map(|address| {
        ConnectTcp::new(address.parse::<SocketAddr>().unwrap())
            .with_timeout(Duration::from_secs(30))
            .with_bind_address(None)
    });
    assert_eq!(reactor.calls(), expected.map(Call::ConnectTcp));
}

/// endpoint-tcp-004, endpoint-tcp-005, endpoint-tcp-006
#[test]
fn a_server_takes_interface_and_backlog_by_name_and_by_position() {
    listens("tcp:80:interface=127.0.0.1", at("127.0.0.1:80"));
    listens("tcp:80:backlog=6", at("0.0.0.0:80").with_backlog(6));
    let all = at("10.0.0.1:1234").with_backlog(12);
    listens("tcp:1234:backlog=12:interface=10.0.0.1", all);
    listens("tcp:80:127.0.0.1:7", at("127.0.0.1:80").with_backlog(7));
    listens("tcp:80::6", at("0.0.0.0:80").with_backlog(6));
}

/// endpoint-tcp-010
#[test]
fn an_empty_interface_is_every_address_and_an_empty_backlog_is_a_mistake() {
    listens("tcp:80:", at("0.0.0.0:80"));
    is_invalid(&server_problem("tcp:80::"), "backlog", "");
}

/// endpoint-tcp-011
#[test]
fn an_ipv6_interface_of_a_tcp_server_listens_on_ipv6_as_in_twisted() {
    listens(r"tcp:80:interface=\:\:1", at("[::1]:80"));
}

/// endpoint-tcp-012: Twisted takes both, and listens on IPv4.
#[test]
fn an_ipv4_interface_or_an_empty_one_is_a_mistake_for_tcp6() {
    is_invalid(&server_problem("tcp6:80:interface=127.0.0.1"), "interface", "127.0.0.1");
    is_invalid(&server_problem("tcp6:80:interface="), "interface", "");
}

/// endpoint-tcp-014, endpoint-tcp-015, endpoint-tcp-016, endpoint-tcp-017
#[test]
fn a_client_takes_host_and_port_by_name_and_by_position_and_the_rest_by_name() {
    for text in [
        "tcp:host=10.0.0.9:port=1234:timeout=7:bindAddress=10.0.0.2",
        "tcp:10.0.0.9:1234:timeout=7:bindAddress=10.0.0.2",
        "tcp:10.0.0.9:port=1234:timeout=7:bindAddress=10.0.0.2",
        "tcp:host=10.0.0.9:1234:timeout=7:bindAddress=10.0.0.2",
    ] {
        let reactor = Reactor::new();
        let _connected = reactor.registry().client(text).expect(text).connect(factory());
        let expected = ConnectTcp::new(([10, 0, 0, 9], 1234))
            .with_timeout(Duration::from_secs(7))
            .with_bind_address(Some(([10, 0, 0, 2], 0).into()));
        assert_eq!(reactor.calls(), [Call::ConnectTcp(expected)], "{text}");
    }
    assert_eq!(client("tcp:example.com:port=1234"), "tcp:host=example.com:port=1234:timeout=30");
    assert_eq!(client("tcp:host=example.com:1234"), "tcp:host=example.com:port=1234:timeout=30");
}

/// endpoint-tcp-018, endpoint-tcp-019
#[test]
fn a_client_needs_a_host_and_a_port_and_a_lone_number_is_the_host() {
    let missing = |argument| Problem::Missing { argument, kind: "tcp", side: Side::Client };
    for (text, argument) in [
        ("tcp:80", "port"),
        ("tcp", "host"),
        ("tcp:host=h", "port"),
        ("tcp:port=80", "host"),
        ("tcp:h", "port"),
    ] {
        assert_eq!(client_problem(text), missing(argument), "{text}");
    }
}

/// endpoint-tcp-020, endpoint-tcp-022: Twisted ignores some of them without a word.
#[test]
fn no_argument_of_a_client_is_ignored() {
    let twice = |argument| Problem::GivenTwice { argument, kind: "tcp", side: Side::Client };
    assert_eq!(client_problem("tcp:a:1:host=h"), twice("host"));
    assert_eq!(client_problem("tcp:a:1:port=2"), twice("port"));
    for text in ["tcp:a:b:c:host=h:port=1", "tcp:example.com:80:30"] {
        let problem = client_problem(text);
        assert!(matches!(problem, Problem::Surplus { .. } | Problem::GivenTwice { .. }), "{text}");
    }
}

/// endpoint-tcp-023
#[test]
fn the_time_of_a_client_is_a_number_of_seconds_or_has_a_unit() {
    for text in ["1.5", "x", ""] {
        is_invalid(&client_problem(&format!("tcp:a:1:timeout={text}")), "timeout", text);
    }
    assert!(client("tcp:a:1:timeout=7").ends_with(":timeout=7"));
    assert!(client("tcp:a:1:timeout=500ms").ends_with(":timeout=500ms"));
}

/// endpoint-tcp-024
#[test]
fn the_local_address_of_a_client_is_numeric_and_has_no_port() {
    for text in [r"1.2.3.4\:99", "localhost", "1.2.3"] {
        let plain = text.replace('\\', "");
        is_invalid(&client_problem(&format!("tcp:a:1:bindAddress={text}")), "bindAddress", &plain);
    }
}

/// endpoint-tcp-026
#[test]
fn a_host_is_a_name_that_can_be_looked_up_or_an_address_also_in_brackets() {
    let reactor = Reactor::new();
    let _connected = reactor.registry().client("tcp:bücher.example:80").unwrap().connect(factory());
    assert_eq!(reactor.calls(), [Call::Resolve("xn--bcher-kva.example".into())]);
    assert_eq!(client("tcp:[::1]:80"), r"tcp:host=\:\:1:port=80:timeout=30");
    is_invalid(&client_problem(r"tcp:[\:\:1]:80"), "host", "[::1]");
}

/// endpoint-tcp-027, endpoint-tcp-028
#[test]
fn there_are_tcp6_clients_and_an_address_is_connected_to_without_a_look_up() {
    let reactor = Reactor::new();
    let _connected = reactor.registry().client("tcp6:[::1]:80").unwrap().connect(factory());
    let expected = ConnectTcp::new("[::1]:80".parse::<SocketAddr>().unwrap());
    assert_eq!(reactor.calls(), [Call::ConnectTcp(expected)]);
}
