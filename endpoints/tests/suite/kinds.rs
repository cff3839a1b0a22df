//! How the first field of a string finds its kind, and who may add one.
//!
//! Invariant: a kind is looked up by its whole name, in the registry that was asked and in no other.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::{StreamClientEndpoint, StreamServerEndpoint};
use protocol::testing::memory::Network;
use ropewalk_endpoints::{
    Arguments, ClientParser, DuplicateKind, ParseError, Parsed, Problem, Registry, ServerParser,
    Side,
};

use crate::doubles::Reactor;

/// The texts that a parser was given: those of `a`, `b`, `c` and `d`.
type Given = Rc<RefCell<Vec<[Option<String>; 4]>>>;

/// A kind of another crate, which notes its arguments.
struct Fake {
    kind: &'static str,
    given: Given,
}

impl Fake {
    fn note<'a>(&self, arguments: &Arguments<'a>) -> Result<(), ParseError> {
        let ([a, b], [c, d]) = arguments.bind_keywords(["a", "b"], ["c", "d"])?;
        let texts = [a.text()?, b.text()?, c.text()?, d.text()?];
        self.given.borrow_mut().push(texts.map(|text| text.map(String::from)));
        Ok(())
    }
}

impl ServerParser for Fake {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        self.note(&arguments)?;
        Ok(arguments.parsed(Rc::new(Network::new().server("x")), ["fake"]))
    }
}

impl ClientParser for Fake {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        self.note(&arguments)?;
        Ok(arguments.parsed(Rc::new(Network::new().client("x")), ["fake"]))
    }
}

fn fake(kind: &'static str) -> Fake {
    Fake { kind, given: Given::default() }
}

fn texts(given: [&str; 4]) -> [Option<String>; 4] {
    given.map(|text| Some(text.into()))
}

#[track_caller]
fn is_unknown(mistake: &ParseError, name: &str) {
    assert!(
        matches!(mistake.problem(), Problem::UnknownKind { kind } if kind == name),
        "{mistake}"
    );
    assert!(mistake.message().contains(&format!("unknown endpoint kind `{name}`")), "{mistake}");
}

fn server_mistake(text: &str) -> ParseError {
    Reactor::new().registry().parse_server(text).expect_err(text)
}

fn client_mistake(text: &str) -> ParseError {
    Reactor::new().registry().parse_client(text).expect_err(text)
}

/// endpoint-parse-008
#[test]
fn a_backslash_at_the_end_is_a_mistake_with_its_offset_on_either_side() {
    for (text, offset) in [(r"\", 0), (r"tcp:80\", 6), (r"unix:/a\\\", 9), (r"unix:path=/ü\", 13)]
    {
        for mistake in [server_mistake(text), client_mistake(text)] {
            assert_eq!(*mistake.problem(), Problem::DanglingEscape, "{text}");
            assert_eq!((mistake.offset(), mistake.length()), (offset, 1), "{text}");
        }
    }
}

/// endpoint-parse-020
#[test]
fn a_string_of_options_alone_has_no_kind() {
    for text in ["tcp=80", "=tcp", "a=b:c=d"] {
        for (mistake, expected) in
            [(server_mistake(text), Side::Server), (client_mistake(text), Side::Client)]
        {
            assert_eq!(*mistake.problem(), Problem::NoKind { side: expected }, "{text}");
        }
    }
}

/// endpoint-parse-028: as in Twisted, so that no string means something here that Twisted refuses.
#[test]
fn the_first_kinds_of_servers_are_written_in_lower_case_and_the_mistake_proposes_it() {
    for (text, name, proposal) in
        [("TCP:80", "TCP", "tcp"), ("Tcp:80", "Tcp", "tcp"), ("UNIX:/a", "UNIX", "unix")]
    {
        let mistake = server_mistake(text);
        is_unknown(&mistake, name);
        assert_eq!(mistake.suggestion(), Some(proposal));
    }
}

/// endpoint-parse-029
#[test]
fn every_kind_of_client_is_found_in_any_case() {
    for text in ["TCP:a:1", "tCp:a:1", "UNIX:/a", "uNix:/a", "Tcp6:a:1"] {
        let parsed = Reactor::new().registry().parse_client(text).expect(text);
        let kind = text.split(':').next().unwrap().to_lowercase();
        assert_eq!(parsed.description.kind, kind);
    }
}

/// endpoint-parse-031, endpoint-parse-032: Twisted shows the name in lower case; we show what was written.
#[test]
fn an_unknown_kind_is_refused_at_once_and_named_as_it_was_written() {
    is_unknown(&server_mistake("ftl:andromeda/carcosa/hali/2387"), "ftl");
    is_unknown(&client_mistake("ftl:andromeda/carcosa/hali/2387"), "ftl");
    is_unknown(&client_mistake("FTL:andromeda"), "FTL");
}

/// endpoint-parse-033
#[test]
fn escapes_are_resolved_before_the_kind_is_looked_up() {
    let registry = Reactor::new().registry();
    for text in [r"\tcp:80", r"t\cp:80"] {
        assert_eq!(registry.parse_server(text).expect(text).description.kind, "tcp");
    }
    is_unknown(&server_mistake(r"tcp\:80"), "tcp:80");
}

/// endpoint-parse-034, endpoint-parse-035
#[test]
fn a_kind_is_not_trimmed_and_there_is_no_default_one() {
    for (text, name) in [
        (" tcp:80", " tcp"),
        ("tcp :80", "tcp "),
        ("80", "80"),
        ("tcp4:80", "tcp4"),
        ("http", "http"),
    ] {
        is_unknown(&server_mistake(text), name);
        is_unknown(&client_mistake(text), name);
    }
}

/// endpoint-parse-039
#[test]
fn a_string_opens_nothing_and_asks_the_reactor_for_nothing() {
    let reactor = Reactor::new();
    let registry = reactor.registry();
    let servers = ["tcp:80:localhost", "tcp6:80", "unix:/no/such/folder/a", "unix:abstract=a"];
    for text in servers {
        drop(registry.parse_server(text).expect(text));
    }
    for text in ["tcp:example.com:80:retry=1", "tcp6:[::1]:80", "unix:/no/such/folder/a"] {
        drop(registry.parse_client(text).expect(text));
    }
    assert_eq!(reactor.calls(), []);
    assert_eq!(interfaces::ReactorTime::delayed_calls(&reactor).len(), 0);
}

/// endpoint-plugin-001
#[test]
fn the_parser_of_a_kind_gets_every_argument_of_a_server_as_text_and_its_endpoint_is_the_result() {
    let fake = fake("fake");
    let given = fake.given.clone();
    let registry = Reactor::new().registry().with_server(fake);
    let parsed = registry.parse_server("fake:hello:world:c=no:d=down").unwrap();
    assert_eq!(given.take(), [texts(["hello", "world", "no", "down"])]);
    assert_eq!(
        (parsed.description.kind, &parsed.description.layers[..]),
        ("fake", &["fake".into()][..])
    );
}

/// endpoint-plugin-002
#[test]
fn a_number_reaches_the_parser_of_a_client_as_the_text_that_it_is() {
    let fake = fake("fake");
    let given = fake.given.clone();
    let registry = Reactor::new().registry().with_client(fake);
    registry.parse_client("fake:alpha:beta:c=dee:d=1").unwrap();
    assert_eq!(given.take(), [texts(["alpha", "beta", "dee", "1"])]);
}

/// endpoint-plugin-007
#[test]
fn a_registered_kind_is_found_in_any_case_and_only_by_its_whole_name() {
    let registry = Reactor::new().registry().with_server(fake("Fake")).with_client(fake("fake"));
    for text in ["fake", "FAKE:a", "fAkE:a"] {
        registry.parse_server(text).expect(text);
        registry.parse_client(text).expect(text);
    }
    for text in ["fak:a", "fakes:a", "", "f"] {
        let name = text.split(':').next().unwrap();
        for mistake in [registry.parse_server(text).err(), registry.parse_client(text).err()] {
            let mistake = mistake.expect(text);
            assert!(matches!(mistake.problem(), Problem::UnknownKind { kind } if kind == name));
        }
    }
}

/// endpoint-plugin-008, endpoint-plugin-009
#[test]
fn a_second_kind_of_one_name_is_an_error_and_no_built_in_one_is_replaced() {
    let mut registry = Reactor::new().registry();
    registry.add_server(fake("fake")).unwrap();
    for kind in ["fake", "Fake", "tcp", "TCP", "unix", "tcp6"] {
        let error = registry.add_server(fake(kind)).unwrap_err();
        assert!(matches!(error, DuplicateKind { side: Side::Server, .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("cannot register a second kind `{kind}` of server: the first one stays")
        );
    }
    assert!(registry.add_client(fake("tcp")).is_err());
    assert_eq!(registry.parse_server("tcp:80").unwrap().description.layers, ["tcp"]);
}

/// endpoint-plugin-010
#[test]
fn one_name_can_be_a_kind_of_both_sides_with_arguments_of_their_own() {
    let registry = Reactor::new().registry();
    let server = registry.parse_server("unix:/a:mode=600").unwrap().description;
    let client = registry.parse_client("unix:/a:timeout=3").unwrap().description;
    assert_ne!(server.arguments, client.arguments);
    assert!(registry.parse_client("unix:/a:mode=600").is_err());
    assert!(registry.parse_server("unix:/a:timeout=3").is_err());
    let mut registry = registry;
    registry.add_client(fake("fake")).unwrap();
    assert!(matches!(
        registry.parse_server("fake:a").unwrap_err().problem(),
        Problem::WrongSide { side: Side::Server, .. }
    ));
    registry.add_server(fake("fake")).expect("the other side is free");
    registry.parse_server("fake:a").unwrap();
}

/// endpoint-plugin-011
#[test]
fn a_kind_that_is_added_later_is_known_to_the_next_string() {
    let mut registry = Reactor::new().registry();
    is_unknown(&registry.parse_server("fake:a").unwrap_err(), "fake");
    registry.add_server(fake("fake")).unwrap();
    registry.parse_server("fake:a").unwrap();
}

/// Fails in its own words.
struct Failing;

impl ServerParser for Failing {
    fn kind(&self) -> &'static str {
        "failing"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let [file] = arguments.bind(["file"])?;
        Err(file.refuse("no such file"))
    }
}

/// endpoint-plugin-013
#[test]
fn the_mistake_that_a_parser_finds_is_the_result_unchanged() {
    let registry = Registry::new().with_server(Failing).with_server(fake("fake"));
    let mistake = registry.parse_server("failing:/x").unwrap_err();
    assert_eq!(*mistake.problem(), Problem::Refused { message: "no such file".into() });
    assert_eq!((mistake.offset(), mistake.length()), (8, 2));
    let unknown = registry.parse_server("failing:x=1").unwrap_err();
    assert!(matches!(unknown.problem(), Problem::UnknownOption { kind: "failing", .. }));
}
