//! Endpoint strings of every kind of this build, on a real reactor.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::rc::Rc;

use ropewalk::endpoints::Registry;
use ropewalk::interfaces::ListeningPort;
use ropewalk::protocol::factory_fn;
use ropewalk::protocol::testing::{Record, Recorder};
use ropewalk::reactor::Reactor;
use ropewalk::systemd::ListenFds;
use testkit::result_of;

fn registry() -> Registry {
    ropewalk::registry_with_inherited(Reactor::new().unwrap(), ListenFds::default())
}

fn listen(registry: &Registry, text: &str) -> Rc<dyn ListeningPort> {
    let record = Record::new();
    let endpoint = registry.server(text).unwrap();
    result_of(endpoint.listen(factory_fn(move |_| Recorder::new(&record)))).unwrap()
}

/// endpoint-plugin-004, endpoint-plugin-005
#[test]
fn every_kind_that_twisted_ships_is_registered_on_its_side() {
    let registry = registry();
    let servers: Vec<_> = registry.server_kinds().collect();
    for kind in ["tcp", "tcp6", "unix", "ssl", "tls", "systemd", "haproxy", "stdio"] {
        assert!(servers.contains(&kind), "{kind} is none of {servers:?}");
    }
    let clients: Vec<_> = registry.client_kinds().collect();
    for kind in ["tcp", "unix", "ssl", "tls"] {
        assert!(clients.contains(&kind), "{kind} is none of {clients:?}");
    }
}

/// endpoint-parse-030
#[test]
fn the_kinds_of_twisteds_plugins_are_found_in_any_case_on_both_sides() {
    let registry = registry();
    for (text, kind) in [
        ("TCP6:80", "tcp6"),
        ("STDIO:", "stdio"),
        ("TLS:/run/dir", "tls"),
        ("HAPROXY:tcp:80", "haproxy"),
        ("HaProxy:Tcp6:80", "haproxy"),
        ("SYSTEMD:INET:0", "systemd"),
    ] {
        assert_eq!(registry.parse_server(text).expect(text).description.kind, kind);
    }
    assert_eq!(registry.parse_client("TLS:example.com:443").unwrap().description.kind, "tls");
    for text in ["haproxy:TCP:80", "HAPROXY:Unix:/a"] {
        let mistake = registry.parse_server(text).expect_err("a wrapped built-in kind is exact");
        assert!(mistake.message().starts_with("unknown endpoint kind"), "{mistake}");
        assert_eq!(mistake.offset(), 8);
    }
}

/// endpoint-tcp-013, endpoint-server-002
#[test]
fn port_0_is_a_free_port_and_the_listening_port_has_the_address_that_is_bound() {
    let registry = registry();
    for text in ["tcp:0:127.0.0.1", "haproxy:tcp:0:127.0.0.1"] {
        let [first, second] = [listen(&registry, text), listen(&registry, text)];
        let port = |port: &Rc<dyn ListeningPort>| {
            let address = port.host().to_string();
            let (ip, port) = address.rsplit_once(':').unwrap();
            assert_eq!(ip, "127.0.0.1", "{text}");
            port.parse::<u16>().unwrap()
        };
        assert!(port(&first) != 0 && port(&first) != port(&second), "{text}");
        let client = std::net::TcpStream::connect(("127.0.0.1", port(&first)));
        assert_eq!(client.unwrap().peer_addr().unwrap().to_string(), first.host().to_string());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let unix = listen(&registry, &format!("unix:{}", path.display()));
    assert_eq!(unix.host().to_string(), format!("unix:{}", path.display()));
    assert!(path.exists());
}
