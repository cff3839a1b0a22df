//! The kinds of endpoints that the facade's registry knows.
//!
//! Invariant: nothing is opened.

use ropewalk::prelude::*;

fn registry() -> Registry {
    ropewalk::registry(Reactor::new().expect("a reactor"))
}

#[test]
fn servers_and_clients_have_kinds_of_their_own_with_all_of_twisteds() {
    let registry = registry();
    let mut servers: Vec<_> = registry.server_kinds().collect();
    let mut clients: Vec<_> = registry.client_kinds().collect();
    servers.sort_unstable();
    clients.sort_unstable();
    for kind in ["tcp", "unix", "ssl", "systemd", "tcp6", "stdio", "tls", "haproxy"] {
        assert!(servers.contains(&kind), "{kind}: {servers:?}");
    }
    for kind in ["tcp", "unix", "ssl", "tls"] {
        assert!(clients.contains(&kind), "{kind}: {clients:?}");
    }
    assert!(!servers.contains(&"srv") && !clients.contains(&"systemd"), "{servers:?} {clients:?}");
}

#[test]
fn plugins_are_of_any_case_and_the_built_in_kind_that_one_wraps_is_not() {
    let registry = registry();
    for text in ["STDIO:", "Tcp6:80", "TLS:/certificates", "HAPROXY:tcp:80", "SYSTEMD:INET:0"] {
        let parsed = registry.parse_server(text);
        let kind = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
        assert_eq!(parsed.expect(text).description.kind, kind);
    }
    let error = registry.parse_server("haproxy:TCP:80").expect_err("it is wrong");
    assert_eq!((error.message(), error.offset()), ("unknown endpoint kind `TCP`".into(), 8));
}

#[test]
fn one_kind_has_other_arguments_as_a_server_than_as_a_client() {
    let registry = registry();
    let server = registry.parse_server("tls:/certificates:443").expect("a server").description;
    let client = registry.parse_client("tls:example.com:443").expect("a client").description;
    let first = |description: &ropewalk::endpoints::Description| {
        description.arguments.first().map(|(name, value)| format!("{name}={value}"))
    };
    assert_eq!(first(&server).as_deref(), Some("path=/certificates"));
    assert_eq!(first(&client).as_deref(), Some("host=example.com"));
}

#[test]
fn a_mistake_of_a_plugin_is_the_mistake_of_the_string() {
    let registry = registry();
    for (text, offset) in [("tcp6:x", 5), ("tls:/c:x", 7), ("systemd:INET:x", 13), ("stdio:x", 6)] {
        assert_eq!(registry.parse_server(text).expect_err(text).offset(), offset, "{text}");
    }
}
