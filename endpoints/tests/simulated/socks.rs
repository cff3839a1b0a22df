//! The kind `socks5`, through a proxy of the crate `protocol`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use protocol::socks::SocksFactory;
use protocol::testing::{Record, Recorder};
use protocol::wire::Echo;
use protocol::{connect_protocol, factory_fn};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_endpoints::{Registry, SocksClientParser};
use testkit::result_of;

/// A proxy at 1080 that wants a password, and an echo at 7.
fn site() -> (Reactor<Simulated>, Registry) {
    let reactor = Reactor::simulated(1);
    let registry =
        Registry::standard(reactor.clone()).with_client(SocksClientParser::new(reactor.clone()));
    let proxy = SocksFactory::new(Rc::new(reactor.clone()))
        .passwords(|name, password| (name, password) == ("alice", "se:cret"));
    for (port, factory) in [(1080, proxy.into_rc()), (7, factory_fn(|_| Echo))] {
        let endpoint = registry.server(&format!("tcp:{port}:interface=127.0.0.1")).unwrap();
        drop(result_of(endpoint.listen(factory)).unwrap());
    }
    (reactor, registry)
}

/// Half a second, in which the simulated network has carried everything.
fn pass(reactor: &Reactor<Simulated>) {
    let over = Rc::new(Cell::new(false));
    let end = over.clone();
    let _call = reactor.call_later(Duration::from_millis(500), Box::new(move || end.set(true)));
    while !over.get() {
        reactor.turn(Some(Duration::from_millis(50))).unwrap();
    }
}

/// The echo of a client of this string, or its failure.
fn echo(text: &str) -> Result<Vec<u8>, String> {
    let (reactor, registry) = site();
    let endpoint = registry.client(text).unwrap();
    let record = Record::new();
    let client = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
    let connected = connect_protocol(&endpoint, client);
    pass(&reactor);
    result_of(connected).map(|_running| record.received()).map_err(|failure| failure.to_string())
}

#[test]
fn a_client_string_connects_through_a_proxy() {
    let text = r"socks5:host=127.0.0.1:port=7:user=alice:password=se\:cret:tcp:127.0.0.1:1080";
    assert_eq!(echo(text).unwrap(), b"hello");
}

#[test]
fn a_wrong_password_and_a_refused_destination_are_told() {
    for (text, told) in [
        ("socks5:host=127.0.0.1:port=7:user=alice:password=x:tcp:127.0.0.1:1080", "password"),
        ("socks5:host=127.0.0.1:port=7:tcp:127.0.0.1:1080", "password"),
        (
            r"socks5:host=127.0.0.1:port=9:user=alice:password=se\:cret:tcp:127.0.0.1:1080",
            "refused",
        ),
    ] {
        let failure = echo(text).unwrap_err();
        assert!(failure.starts_with("cannot connect through the SOCKS proxy: "), "{failure}");
        assert!(failure.contains(told), "{failure}");
    }
}

#[test]
fn a_description_shows_no_password_and_is_read_again_as_the_same() {
    let (_, registry) = site();
    let text = "socks5:host=example.com:port=80:user=alice:password=secret:tcp:127.0.0.1:1080";
    let description = registry.parse_client(text).unwrap().description;
    let shown = description.to_string();
    assert!(shown.starts_with("socks5:host=example.com:port=80:user=alice:tcp:"), "{shown}");
    assert_eq!(registry.parse_client(&shown).unwrap().description, description);
    assert_eq!(description.layers, ["socks5", "tcp"]);
}

#[test]
fn a_mistake_is_told_at_its_place() {
    let (_, registry) = site();
    let long = format!("socks5:host=h:port=80:user={}:tcp:h:1", "a".repeat(256));
    for (text, message) in [
        ("socks5:tcp:h:1080", "`host` is missing for a `socks5` client"),
        ("socks5:host=h:port=0x:tcp:h:1080", "port `0x` is not a number from 0 to 65535"),
        ("socks5:host=h:port=80:password=x:tcp:h:1", "`user` is missing for a `socks5` client"),
        ("socks5:host=h:port=80", "the kind of endpoint is empty"),
        (&long, "user has 256 bytes, and the limit is 255"),
    ] {
        assert_eq!(registry.client(text).err().unwrap().message(), message);
    }
}
