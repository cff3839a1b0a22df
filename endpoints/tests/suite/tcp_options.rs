//! The socket options that strings of kind `tcp` and `tcp6` set.

use std::net::SocketAddr;
use std::time::Duration;

use interfaces::{ConnectTcp, DualStack, KeepAliveTimes, ListenTcp, StreamClientEndpoint as _};
use interfaces::{StreamServerEndpoint as _, TcpOptions};
use testkit::result_of;

use crate::doubles::{Call, Reactor, factory};

fn probed_after(seconds: u64) -> Option<KeepAliveTimes> {
    Some(KeepAliveTimes::default().with_idle(Duration::from_secs(seconds)))
}

#[test]
fn a_string_sets_the_options_that_it_names_and_no_other() {
    let none = TcpOptions::default();
    let sharing = none.clone().with_reuse_port(true);
    for (text, address, options) in [
        ("tcp:80", "0.0.0.0:80", none.clone()),
        ("tcp:80:noDelay=0:keepAlive=0:reusePort=0", "0.0.0.0:80", none.clone()),
        ("tcp:80:noDelay=1", "0.0.0.0:80", none.clone().with_no_delay(true)),
        ("tcp:80:keepAlive=2m", "0.0.0.0:80", none.clone().with_keep_alive(probed_after(120))),
        ("tcp:80:device=eth0", "0.0.0.0:80", none.clone().with_device(Some("eth0".into()))),
        ("tcp6:80:reusePort=1:noDelay=1", "[::]:80", sharing.with_no_delay(true)),
    ] {
        let reactor = Reactor::new();
        let parsed = reactor.registry().parse_server(text).unwrap();
        result_of(parsed.endpoint.listen(factory())).unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let expected = ListenTcp::new(address).with_options(options);
        assert_eq!(reactor.calls(), [Call::ListenTcp(expected)], "{text}");
    }
    for (text, options) in [
        ("tcp:127.0.0.1:80", none.clone()),
        ("tcp:127.0.0.1:80:noDelay=1:keepAlive=7", {
            none.clone().with_no_delay(true).with_keep_alive(probed_after(7))
        }),
        ("tcp:127.0.0.1:80:device=lo", none.with_device(Some("lo".into()))),
    ] {
        let reactor = Reactor::new();
        let parsed = reactor.registry().parse_client(text).unwrap();
        let _connecting = parsed.endpoint.connect(factory());
        let expected = ConnectTcp::new(([127, 0, 0, 1], 80)).with_options(options);
        assert_eq!(reactor.calls(), [Call::ConnectTcp(expected)], "{text}");
    }
}

#[test]
fn ipv6_only_is_told_to_the_socket_and_refused_on_ipv4() {
    for (text, address, dual_stack) in [
        ("tcp6:80", "[::]:80", DualStack::System),
        ("tcp6:80:ipv6Only=1", "[::]:80", DualStack::Ipv6Only),
        ("tcp6:80:ipv6Only=no", "[::]:80", DualStack::Both),
        ("tcp:80:interface=[::]:ipv6Only=yes", "[::]:80", DualStack::Ipv6Only),
    ] {
        let reactor = Reactor::new();
        let parsed = reactor.registry().parse_server(text).unwrap();
        let printed = parsed.description.to_string();
        assert_eq!(
            reactor.registry().parse_server(&printed).unwrap().description,
            parsed.description
        );
        result_of(parsed.endpoint.listen(factory())).unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let expected = ListenTcp::new(address).with_dual_stack(dual_stack);
        assert_eq!(reactor.calls(), [Call::ListenTcp(expected)], "{text}");
    }
    let registry = Reactor::new().registry();
    for text in ["tcp:80:ipv6Only=1", "tcp:80:interface=127.0.0.1:ipv6Only=0"] {
        let mistake = registry.parse_server(text).map(|_| ()).unwrap_err();
        assert!(mistake.message().contains("of IPv4"), "{text}: {}", mistake.message());
    }
    assert!(registry.parse_client("tcp:[::1]:80:ipv6Only=1").is_err(), "of servers alone");
}

#[test]
fn an_option_is_listed_if_it_is_given_and_a_bad_value_is_a_mistake() {
    let registry = Reactor::new().registry();
    let names = |text: &str| {
        let description = registry.parse_server(text).unwrap().description;
        description.arguments.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(names("tcp:80"), ["port", "interface", "backlog"]);
    assert_eq!(names("tcp:80:keepAlive=9"), ["port", "interface", "backlog", "keepAlive"]);
    let switch = "0 or 1, no or yes, false or true";
    let probes = "0 for never, or a time from 1 to 32767 s";
    let device = "the name of a network device, of at most 15 bytes";
    for (text, expected) in [
        ("tcp:80:noDelay=2", switch),
        ("tcp:80:noDelay=Yes", switch),
        ("tcp:80:noDelay=on", switch),
        ("tcp:80:reusePort=", switch),
        ("tcp6:80:reusePort=-1", switch),
        ("tcp:80:keepAlive=x", "a time from 0 to"),
        ("tcp:80:keepAlive=500ms", probes),
        ("tcp:80:keepAlive=32768", probes),
        ("tcp:80:keepAlive=10h", probes),
        ("tcp:80:device=", device),
        ("tcp:80:device=sixteen-bytes-in", device),
    ] {
        let mistake = registry.parse_server(text).map(|_| ()).unwrap_err();
        assert!(mistake.message().contains(expected), "{text}: {}", mistake.message());
    }
    for (word, is_on) in
        [("1", true), ("yes", true), ("true", true), ("0", false), ("no", false), ("false", false)]
    {
        let description = registry.parse_server(&format!("tcp:80:noDelay={word}")).unwrap();
        let shown = description.description.to_string();
        assert!(shown.ends_with(&format!(":noDelay={}", u8::from(is_on))), "{shown}");
    }
    assert!(registry.parse_client("tcp:127.0.0.1:80:reusePort=1").is_err(), "servers share");
}
