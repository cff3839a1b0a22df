//! The strings of kind `process`.
//!
//! Invariant: what they run is looked at and not run.

use interfaces::StreamClientEndpoint as _;
use ropewalk_endpoints::{ProcessClientParser, Registry};

use crate::doubles::{Reactor, factory};
use crate::process_double::Processes;

fn registry() -> (Processes, Registry) {
    let processes = Processes::default();
    let registry = Registry::new().with_client(ProcessClientParser::new(processes.clone()));
    (processes, registry)
}

/// Connects with a factory that declines, so that only the parsing counts; the description.
fn described(text: &str) -> String {
    match registry().1.parse_client(text) {
        Ok(parsed) => parsed.description.to_string(),
        Err(mistake) => format!("{}: {}", mistake.offset(), mistake.message()),
    }
}

/// Twisted has no such string. One that runs programs is there for who asks for it alone.
#[test]
fn no_standard_registry_runs_programs() {
    let registry = Reactor::new().registry();
    assert!(registry.client_kinds().all(|kind| kind != "process"));
    assert!(registry.parse_client("process:cat").is_err());
    assert!(self::registry().1.parse_server("process:cat").is_err(), "a client alone");
}

#[test]
fn the_words_behind_the_program_are_its_arguments_in_order() {
    for (text, description) in [
        ("process:cat", "process:program=cat:stderr=inherit"),
        ("process:program=cat", "process:program=cat:stderr=inherit"),
        (
            r"process:/bin/echo:-n:a\:b\=c:",
            r"process:program=/bin/echo:stderr=inherit:argument=-n:argument=a\:b=c:argument=",
        ),
        (
            "process:argument=1:program=echo:2:argument=3:stderr=drop",
            "process:program=echo:stderr=drop:argument=1:argument=2:argument=3",
        ),
        ("process:ls:directory=/tmp", "process:program=ls:directory=/tmp:stderr=inherit"),
    ] {
        assert_eq!(described(text), description, "{text}");
        assert_eq!(described(description), description, "printed and parsed again");
    }
}

#[test]
fn a_mistake_is_told_at_its_place() {
    for (text, mistake) in [
        ("process", "7: `program` is missing for a `process` client"),
        ("process:", "8: program is empty, and not the name or the path of a program"),
        ("process:cat:stderr=log", "19: stderr `log` is not `inherit` or `drop`"),
        ("process:cat:strerr=drop", "12: unknown option `strerr` for a `process` client"),
        ("process:cat:a\0b", "12: argument `a\u{2400}b` is not text without a NUL byte"),
        ("process:c\0t", "8: program `c\u{2400}t` is not text without a NUL byte"),
    ] {
        assert_eq!(described(text), mistake, "{text:?}");
    }
}

#[test]
fn the_string_spawns_what_it_says() {
    let (processes, registry) = registry();
    let endpoint = registry.client("process:grep:-c:a b:directory=/tmp:stderr=drop").unwrap();
    let record = protocol::testing::Record::new();
    let recorder = protocol::testing::Recorder::new(&record);
    drop(protocol::connect_protocol(&*endpoint, recorder));
    let options = processes.options.take().unwrap();
    assert_eq!(options.program, "grep");
    assert_eq!(options.arguments, ["-c", "a b"]);
    assert_eq!(options.directory, Some("/tmp".into()));
    assert!(format!("{:?}", options.descriptors).contains("2: PipeFromChild"));
    drop(endpoint.connect(factory()));
    assert!(processes.options.take().is_none(), "a factory without a protocol spawns nothing");
}
