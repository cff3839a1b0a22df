//! Kinds of others: registered, found, bound, nested.
//!
//! Invariant: a kind that is added can do whatever the built-in kinds can do.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};
use ropewalk_endpoints::{
    Arguments, ClientParser, ParseError, Parsed, Problem, Registry, ServerParser, Side, Value,
};

use crate::doubles::Reactor;

/// A layer over an endpoint that is given as one escaped value.
struct Wrapped;

impl ClientParser for Wrapped {
    fn kind(&self) -> &'static str {
        "wrapped"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let [name, endpoint] = arguments.bind(["name", "endpoint"])?;
        let inner = endpoint.client()?.ok_or_else(|| endpoint.missing())?;
        let mut layers = inner.description.layers;
        layers.insert(0, "wrapped".into());
        name.required()?;
        Ok(arguments.parsed(inner.endpoint, layers))
    }
}

/// Shows how it was called; of the kind that it is told to be.
struct Probe(&'static str);

impl ServerParser for Probe {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([a, b], [c]) = arguments.bind_keywords(["a", "b"], ["c"])?;
        assert_eq!((arguments.kind(), arguments.side()), (self.0, Side::Server));
        Err(a.refuse(format!(
            "{} {} {} {:?} {:?}",
            a.port_or(1)?,
            b.text_or("none")?,
            c.octal_mode_or(0o600)?,
            a.span(),
            c.span(),
        )))
    }
}

fn said(registry: &Registry, text: &str) -> String {
    registry.parse_server(text).unwrap_err().message()
}

/// Refuses with the texts that it was given.
struct Texts;

impl ClientParser for Texts {
    fn kind(&self) -> &'static str {
        "crfake"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let [alpha, beta, cee, num] = arguments.bind(["alpha", "beta", "cee", "num"])?;
        let [a, b, c, n] = [&alpha, &beta, &cee, &num].map(|argument| argument.text_or("none"));
        Err(alpha.refuse(format!("{} {} {} {}", a?, b?, c?, n?)))
    }
}

#[test]
fn a_clients_kind_of_others_gets_its_arguments_as_they_were_written() {
    let registry = Reactor::new().registry().with_client(Texts);
    let said = |text| registry.parse_client(text).unwrap_err().message();
    assert_eq!(said("crfake:alpha:beta:cee=dee:num=1"), "alpha beta dee 1");
    assert_eq!(said("CRFAKE:num= 1:x"), "x none none  1");
    assert!(registry.parse_server("crfake:x").is_err());
}

#[test]
fn arguments_bind_like_a_call() {
    let registry = Registry::new().with_server(Probe("probe"));
    for (text, answer) in [
        ("probe", "1 none 384 5..5 5..5"),
        ("probe:7:x", "7 x 384 6..7 9..9"),
        ("probe:b=x:7", "7 x 384 10..11 11..11"),
        ("probe:c=7:b=x:a=2:b=y", "2 y 7 16..17 8..9"),
        ("PROBE:7", "7 none 384 6..7 7..7"),
        ("probe:7:x:y", "`y` is one value too many for a `probe` server"),
        ("probe:7:a=8", "`a` is given twice to a `probe` server, by position and by name"),
        ("probe:d=8", "unknown option `d` for a `probe` server"),
        ("probe:c=x", "c `x` is not an octal mode from 0 to 7777"),
    ] {
        assert_eq!(said(&registry, text), answer, "{text}");
    }
}

#[test]
fn the_leftmost_mistake_in_the_binding_is_told() {
    let registry = Registry::new().with_server(Probe("probe"));
    assert_eq!(registry.parse_server("probe:x=1:y=2:1:2:3").unwrap_err().offset(), 6);
    assert_eq!(registry.parse_server("probe:c=1:1:2:3:y=2").unwrap_err().offset(), 14);
}

#[test]
fn of_two_parsers_for_a_kind_the_first_stays() {
    let registry = Reactor::new().registry().with_server(Probe("tcp")).with_server(Probe("x"));
    assert_eq!(registry.parse_server("tcp:80").unwrap().description.kind, "tcp");
    assert_eq!(registry.server_kinds().collect::<Vec<_>>(), ["tcp", "tcp6", "unix", "x"]);
    assert_eq!(registry.client_kinds().collect::<Vec<_>>(), ["tcp", "tcp6", "unix"]);
}

#[test]
fn adding_to_a_clone_leaves_the_original_alone() {
    let original = Registry::new();
    let extended = original.clone().with_server(Probe("probe"));
    assert_eq!(said(&extended, "probe"), "1 none 384 5..5 5..5");
    let mistake = original.parse_server("probe").unwrap_err();
    assert_eq!(mistake.message(), "unknown endpoint kind `probe`");
    assert_eq!(mistake.help().as_deref(), Some("expected no kind: none is registered"));
}

#[test]
fn a_kind_of_the_other_side_is_told_to_be_one() {
    let registry = Reactor::new().registry().with_client(Wrapped).with_server(Probe("probe"));
    let mistake = registry.parse_server("wrapped:x").unwrap_err();
    assert_eq!(mistake.message(), "`wrapped` is a kind of client, not of server");
    assert!(matches!(mistake.problem(), Problem::WrongSide { side: Side::Server, .. }));
    assert_eq!(
        registry.parse_client("Probe").unwrap_err().message(),
        "`Probe` is a kind of server, not of client"
    );
}

#[test]
fn a_nested_endpoint_is_parsed_by_the_same_registry() {
    let registry = Reactor::new().registry().with_client(Wrapped);
    let text = r"wrapped:a:endpoint=wrapped\:b\:unix\\\:/a";
    let description = registry.parse_client(text).unwrap().description;
    assert_eq!(description.layers, ["wrapped", "wrapped", "unix"]);
    let again = registry.parse_client(&description.to_string()).unwrap().description;
    assert_eq!(again, description);
}

#[test]
fn a_mistake_in_a_nested_endpoint_is_shown_in_the_whole_string() {
    let registry = Reactor::new().registry().with_client(Wrapped);
    let mistake = registry.parse_client(r"wrapped:a:wrapped\:b\:tcp\\\:host\\\:8x").unwrap_err();
    assert_eq!(
        mistake.picture(),
        r"  wrapped:a:wrapped\:b\:tcp\\\:host\\\:8x
                                       ^^ column 38"
    );
    assert_eq!(mistake.message(), "port `8x` is not a number from 0 to 65535");
    let missing = registry.parse_client(r"wrapped:a:endpoint=tcp\:host").unwrap_err();
    assert_eq!((missing.offset(), missing.length()), (28, 0));
}

#[test]
fn a_description_shows_every_effective_value() {
    let registry = Reactor::new().registry();
    let description = registry.parse_client("tcp:example.com:80").unwrap().description;
    assert_eq!(
        description.arguments,
        [
            ("host", Value::Text("example.com".into())),
            ("port", Value::Number(80)),
            ("timeout", Value::Seconds(Duration::from_secs(30))),
            ("bindAddress", Value::Absent),
        ]
    );
    assert_eq!(description.layers, ["tcp"]);
    let description = registry.parse_server("unix:/a").unwrap().description;
    assert_eq!(
        description.arguments,
        [
            ("address", Value::Text("/a".into())),
            ("mode", Value::Mode(0o600)),
            ("backlog", Value::Text("max".into())),
            ("lockfile", Value::Flag(true)),
            ("abstract", Value::Absent),
            ("owner", Value::Absent),
            ("group", Value::Absent),
        ]
    );
    assert_eq!(description.layers, ["unix"]);
}

/// endpoint-parse-027: the factory, which Twisted puts among them, is given to `listen`.
#[test]
fn a_servers_kind_and_parameters_are_a_value_with_typed_fields() {
    let parsed = Reactor::new().registry().parse_server("tcp:80").unwrap().description;
    assert_eq!(parsed.kind, "tcp");
    let typed = [
        ("port", Value::Number(80)),
        ("interface", Value::Text("0.0.0.0".into())),
        ("backlog", Value::Text("max".into())),
    ];
    assert_eq!(parsed.arguments, typed);
}

#[test]
fn a_clone_of_what_was_parsed_is_the_same_endpoint() {
    let parsed = Reactor::new().registry().parse_server("tcp:80").unwrap();
    let clone = parsed.clone();
    assert!(Rc::ptr_eq(&parsed.endpoint, &clone.endpoint));
    assert!(format!("{clone:?}").contains("tcp"));
}
