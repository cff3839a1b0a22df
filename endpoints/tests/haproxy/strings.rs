//! The kind `haproxy` of endpoint strings. What Twisted makes of each was found out by running it.

use std::rc::Rc;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};
use protocol::testing::Clock;
use protocol::testing::memory::Network;
use ropewalk_endpoints::{
    Arguments, ClientParser, ParseError, Parsed, Registry, ServerParser, haproxy,
    quote_positional_argument, quote_string_argument,
};

/// A kind of its own, with the arguments of some built-in one.
struct Kind {
    name: &'static str,
    is_exact: bool,
    arguments: [&'static str; 3],
}

impl Kind {
    fn text<'a>(&self, arguments: &Arguments<'a>) -> Result<String, ParseError> {
        let [first, second, third] = arguments.bind(self.arguments)?;
        let first = first.required()?.to_owned();
        second.text()?;
        third.text()?;
        Ok(first)
    }
}

impl ServerParser for Kind {
    fn kind(&self) -> &'static str {
        self.name
    }

    fn is_kind(&self, given: &str) -> bool {
        given == self.name || !self.is_exact && given.eq_ignore_ascii_case(self.name)
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let name = self.text(&arguments)?;
        Ok(arguments.parsed(Rc::new(Network::new().server(&name)), [self.name]))
    }
}

impl ClientParser for Kind {
    fn kind(&self) -> &'static str {
        self.name
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let name = self.text(&arguments)?;
        Ok(arguments.parsed(Rc::new(Network::new().client(&name)), [self.name]))
    }
}

fn registry() -> Registry {
    let kind = |name, is_exact, arguments| Kind { name, is_exact, arguments };
    let registry = Registry::new()
        .with_server(kind("tcp", true, ["port", "interface", "backlog"]))
        .with_server(kind("tcp6", false, ["port", "backlog", "interface"]))
        .with_server(kind("unix", true, ["address", "mode", "backlog"]))
        .with_server(kind("stdio", false, ["nothing", "mode", "x"]))
        .with_server(kind("tls", false, ["path", "port", "interface"]))
        .with_client(kind("tcp", false, ["host", "port", "timeout"]));
    haproxy::register(registry, Clock::new())
}

/// The canonical form of a server string.
#[track_caller]
fn server(text: &str) -> String {
    match registry().parse_server(text) {
        Ok(parsed) => parsed.description.to_string(),
        Err(error) => panic!("{}", error.report()),
    }
}

const OWN: &str = r"haproxy:trust=loopback,unix:timeout=5";

#[track_caller]
fn report(text: &str) -> String {
    registry().parse_server(text).unwrap_err().report()
}

#[test]
fn a_tcp_server_is_wrapped() {
    let parsed = registry().parse_server("haproxy:tcp:8080").unwrap();
    assert_eq!(parsed.description.layers, ["haproxy", "tcp"]);
    assert_eq!(parsed.description.to_string(), format!("{OWN}:tcp:port=8080"));
    assert_eq!(parsed.description.wrapped.unwrap().kind, "tcp");
}

#[test]
fn a_tcp6_server_is_wrapped() {
    assert_eq!(server("haproxy:tcp6:8080"), format!("{OWN}:tcp6:port=8080"));
}

#[test]
fn a_unix_server_is_wrapped() {
    assert_eq!(
        server("haproxy:unix:address=/tmp/socket"),
        format!("{OWN}:unix:address=/tmp/socket")
    );
}

#[test]
fn the_rest_of_the_string_is_the_wrapped_one_and_is_not_quoted() {
    for (text, inner) in [
        ("haproxy:tcp:8080:interface=127.0.0.1", "tcp:port=8080:interface=127.0.0.1"),
        (r"haproxy:tcp6:80:interface=\:\:1", r"tcp6:port=80:interface=\:\:1"),
        ("haproxy:unix:address=a=b", "unix:address=a=b"),
        (r"haproxy:unix:c\:\\d", r"unix:address=c\:\\d"),
    ] {
        assert_eq!(server(text), format!("{OWN}:{inner}"), "{text}");
    }
    assert!(report(r"haproxy:tcp\:8080").starts_with("error: unknown endpoint kind `tcp:8080`"));
}

#[test]
fn every_kind_can_be_wrapped_this_one_too() {
    let parsed = registry().parse_server("haproxy:haproxy:tcp:80").unwrap();
    assert_eq!(parsed.description.layers, ["haproxy", "haproxy", "tcp"]);
    assert_eq!(parsed.description.to_string(), format!("{OWN}:{OWN}:tcp:port=80"));
    assert_eq!(server("haproxy:stdio:"), format!("{OWN}:stdio:nothing="));
    assert_eq!(server("haproxy:tls:dir"), format!("{OWN}:tls:path=dir"));
}

#[test]
fn without_a_wrapped_kind_the_kind_is_empty() {
    assert_eq!(
        report("haproxy"),
        "\
error: the kind of endpoint is empty
  haproxy
         ^ column 8: expected the kind that is wrapped, as in `haproxy:tcp:80`"
    );
    for text in ["haproxy:", "haproxy:trust=unix", "haproxy:haproxy"] {
        assert!(report(text).starts_with("error: the kind of endpoint is empty"), "{text}");
    }
}

#[test]
fn a_mistake_of_the_wrapped_string_is_shown_at_its_place() {
    assert_eq!(
        report("haproxy:trust=unix:tcp:80:interfaec=::1"),
        "\
error: unknown option `interfaec` for a `tcp` server
  haproxy:trust=unix:tcp:80:interfaec=::1
                            ^^^^^^^^^ column 27: a similar option exists: `interface`"
    );
    assert!(report("haproxy:tpc:80").contains("unknown endpoint kind `tpc`"));
    assert!(report("haproxy:tcp").contains("`port` is missing for a `tcp` server"));
}

#[test]
fn names_before_the_wrapped_kind_are_its_own_too() {
    let plain = server("haproxy:tcp:8080:interface=127.0.0.1");
    assert_eq!(server("haproxy:interface=127.0.0.1:tcp:8080"), plain);
    assert_eq!(server("interface=127.0.0.1:haproxy:tcp:8080"), plain);
}

#[test]
fn the_layers_own_names_stand_before_the_wrapped_kind_and_behind_it_they_are_not_its_own() {
    let text = r"haproxy:trust=10.0.0.0/8,fd00\:\:/8:timeout=500ms:tcp:80";
    assert_eq!(server(text), r"haproxy:trust=10.0.0.0/8,fd00\:\:/8:timeout=500ms:tcp:port=80");
    assert_eq!(
        server("timeout=3:haproxy:tcp:80"),
        "haproxy:trust=loopback,unix:timeout=3:tcp:port=80"
    );
    let wrong = report("haproxy:tcp:80:timeout=3");
    assert!(wrong.starts_with("error: unknown option `timeout` for a `tcp` server"), "{wrong}");
    assert_eq!(
        server("haproxy:timeout=1:haproxy:timeout=2:tcp:80"),
        "haproxy:trust=loopback,unix:timeout=1:haproxy:trust=loopback,unix:timeout=2:tcp:port=80"
    );
}

/// Twisted escapes the fields again and joins them, and so loses what it does not escape.
#[test]
fn an_escaped_equals_sign_reaches_the_wrapped_kind() {
    assert_eq!(server(r"haproxy:unix:a\=b"), format!("{OWN}:unix:address=a=b"));
    assert_eq!(server(r"haproxy:unix:a\\\=b"), format!(r"{OWN}:unix:address=a\\=b"));
}

/// Twisted sorts the names and puts them behind the values by position.
#[test]
fn fields_keep_their_order_and_a_mistake_is_the_leftmost() {
    let wrong = report("haproxy:b=1:tcp:a=2");
    assert!(wrong.starts_with("error: unknown option `b` for a `tcp` server"), "{wrong}");
    let wrong = report("haproxy:tcp:b=1:a=2:80");
    assert!(wrong.starts_with("error: unknown option `b` for a `tcp` server"), "{wrong}");
}

#[test]
fn a_description_printed_and_parsed_again_is_the_same_whatever_its_values_hold() {
    let values =
        ["word", "a:b", "a=b", r"a\b", r"\:", "", "[", "[::1", " ", "=", r"\=\:", "trust=x"];
    for path in values {
        for mode in values {
            let [first, second] = [path, mode].map(quote_positional_argument);
            let [path, mode] = [path, mode].map(quote_string_argument);
            for text in [
                format!("haproxy:unix:{first}:{second}"),
                format!("haproxy:mode={mode}:unix:{first}"),
                format!("haproxy:haproxy:trust=unix:unix:address={path}:mode={mode}"),
            ] {
                let parsed = registry().parse_server(&text).unwrap().description;
                let again = registry().parse_server(&parsed.to_string()).unwrap().description;
                assert_eq!(again, parsed, "{text}");
                assert!(parsed.to_string().ends_with(&format!(":unix:address={path}:mode={mode}")));
            }
        }
    }
}

#[test]
fn the_kind_is_found_in_any_case_and_a_wrapped_built_in_one_in_its_own() {
    assert_eq!(server("HAPROXY:tcp:80"), server("haproxy:tcp:80"));
    assert_eq!(server("HAProxy:TCP6:80"), server("haproxy:tcp6:80"));
    assert!(report("haproxy:TCP:80").starts_with("error: unknown endpoint kind `TCP`"));
}

#[test]
fn a_trust_that_is_no_list_of_proxies_is_a_mistake_with_its_place() {
    assert_eq!(
        report("haproxy:trust=10.1.0.0/8:tcp:80"),
        "\
error: `10.1.0.0/8` has bits beyond its length: it could be 10.0.0.0/8
  haproxy:trust=10.1.0.0/8:tcp:80
                ^^^^^^^^^^ column 15"
    );
    assert!(report("haproxy:trust=:tcp:80").contains("is no address, no prefix"));
    let wrong = report("haproxy:timeout=0:tcp:80");
    assert!(wrong.contains("timeout `0` is not a time above 0"), "{wrong}");
}

#[test]
fn a_client_has_a_version_and_a_checksum_and_passes_other_names_on() {
    let client = |text: &str| registry().parse_client(text).map(|it| it.description.to_string());
    for (text, canonical) in [
        ("haproxy:tcp:h:80", "haproxy:version=2:crc32c=0:tcp:host=h:port=80"),
        ("haproxy:version=1:tcp:h:80", "haproxy:version=1:crc32c=0:tcp:host=h:port=80"),
        ("haproxy:crc32c=yes:tcp:h:80", "haproxy:version=2:crc32c=1:tcp:host=h:port=80"),
        ("timeout=9:haproxy:tcp:h:80", "haproxy:version=2:crc32c=0:tcp:host=h:port=80:timeout=9"),
    ] {
        assert_eq!(client(text).unwrap(), canonical, "{text}");
    }
    let message = |text| client(text).unwrap_err().message();
    assert_eq!(message("haproxy:version=3:tcp:h:80"), "version `3` is not a number from 1 to 2");
    let both = "haproxy:version=1:crc32c=1:tcp:h:80";
    assert_eq!(message(both), "a header of version 1 has no checksum");
    assert_eq!(message("haproxy"), "the kind of endpoint is empty");
}
