//! The kind `sni` of endpoint strings.

use reactor::Reactor;
use ropewalk_endpoints::{Registry, haproxy, sni};

fn registry() -> Registry {
    let reactor = Reactor::simulated(1);
    let registry = haproxy::register(Registry::standard(reactor.clone()), reactor.clone());
    sni::register(registry, reactor)
}

#[track_caller]
fn client(text: &str) -> String {
    let registry = registry();
    let description = registry.parse_client(text).unwrap().description;
    let again = registry.parse_client(&description.to_string()).unwrap().description;
    assert_eq!(again, description);
    description.to_string()
}

#[track_caller]
fn mistake(text: &str, place: &str, message: &str) {
    let error = registry().parse_client(text).unwrap_err();
    let shown = &text[error.offset()..error.offset() + error.length()];
    assert_eq!((shown, error.message().as_str()), (place, message), "{text}");
}

#[test]
fn a_server_wraps_any_other_one_and_has_its_own_time_limit() {
    for (text, shown) in [
        ("sni:tcp:443", "sni:timeout=5:tcp:port=443:interface=0.0.0.0:backlog=max"),
        (
            "sni:timeout=500ms:haproxy:timeout=3:unix:/run/x",
            "sni:timeout=500ms:haproxy:trust=loopback,unix:timeout=3:unix:address=/run/x:mode=0600:\
             backlog=max:lockfile=1",
        ),
    ] {
        let description = registry().parse_server(text).unwrap().description;
        assert_eq!(description.to_string(), shown);
    }
    let layers = registry().parse_server("sni:haproxy:tcp:443").unwrap().description.layers;
    assert_eq!(layers, ["sni", "haproxy", "tcp"]);
    let error = registry().parse_server("sni:timeout=0:tcp:443").unwrap_err();
    assert_eq!(error.offset(), "sni:timeout=".len());
}

#[test]
fn a_client_has_an_endpoint_for_each_route() {
    let long = "sni:for=alpn=acme-tls/1:unix:/run/acme:for=A.example.:for=*.bücher.ch:tcp:h:443";
    let shown = client(long);
    for part in
        [":for=alpn=acme-tls/1:unix:", ":for=a.example:for=*.xn--bcher-kva.ch:tcp:host=h:port=443:"]
    {
        assert!(shown.contains(part), "{shown}");
    }
    let shown = client("sni:for=a.example:haproxy:version=1:unix:/run/a:for=*:unix:/run/b");
    assert!(
        shown.starts_with("sni:for=a.example:haproxy:version=1:crc32c=0:unix:path=/run/a:"),
        "{shown}"
    );
    assert!(shown.contains(":for=*:unix:path=/run/b:"), "{shown}");
}

#[test]
fn options_before_the_first_route_are_those_of_each_endpoint() {
    let shown = client("timeout=7:sni:for=a.example:tcp:h:1:for=*:timeout=8:unix:/run/b");
    assert_eq!(shown.matches("timeout=7").count(), 1, "{shown}");
    assert_eq!(shown.matches("timeout=8").count(), 1, "{shown}");
}

#[test]
fn a_mistake_is_told_at_its_place() {
    mistake("sni:tcp:h:443", "tcp", "no `for` says which connections this endpoint is for");
    mistake("sni", "", "`for` is missing for a `sni` client");
    mistake(
        "sni:for=a.example:for=*:tcp:h:443:for=b",
        "b",
        "no endpoint follows this route, as in `for=www.example.com:tcp:10.0.0.1:443`",
    );
    mistake("sni:for=*:tcp:h:1:for=a:tcp:h:2", "a", "no connection is left for `a` behind `*`");
    mistake("sni:for=a:tcp:h:1:for=A:tcp:h:2", "A", "no connection is left for `a` behind `a`");
    mistake(
        "sni:for=*.b:tcp:h:1:for=a.b:tcp:h:2",
        "a.b",
        "no connection is left for `a.b` behind `*.b`",
    );
    mistake("sni:for=a:tcp:h:x:for=*:tcp:h:2", "x", "port `x` is not a number from 0 to 65535");
    mistake(
        "sni:for=a b:tcp:h:1",
        "a b",
        "for `a b` is not a server name as `www.example.com`, `*.example.com`, `alpn=acme-tls/1`, or `*` \
         for every connection",
    );
    mistake("sni:for=a:tcp6x:h:1", "tcp6x", "unknown endpoint kind `tcp6x`");
}

#[test]
fn a_missing_argument_is_told_behind_the_endpoint_that_lacks_it() {
    for (text, behind) in [
        ("sni:for=a:tcp:h:for=*:tcp:h:2", "sni:for=a:tcp:h"),
        ("timeout=7:sni:for=a:tcp:for=*:tcp:h:2", "timeout=7:sni:for=a:tcp"),
        ("sni:for=a:tcp:h:1:for=*:port=2:tcp", "sni:for=a:tcp:h:1:for=*:port=2:tcp"),
    ] {
        let error = registry().parse_client(text).unwrap_err();
        assert_eq!((error.offset(), error.length()), (behind.len(), 0), "{error:?}");
    }
}

#[test]
fn a_name_before_a_wider_pattern_is_no_mistake() {
    client("sni:for=a.b:tcp:h:1:for=*.b:tcp:h:2:for=b:tcp:h:3:for=alpn=h2:tcp:h:4:for=*:tcp:h:5");
}
