//! Improbable strings, from a generator with a fixed seed.
//!
//! Invariant: the same strings in every run.

use ropewalk_endpoints::{ParseError, Registry, quote_positional_argument, quote_string_argument};
use testkit::Dice;

use crate::doubles::Reactor;

fn draw_text(dice: &Dice, pieces: &[&str], length_max: usize) -> String {
    (0..dice.below(length_max + 1)).map(|_| pieces[dice.below(pieces.len())]).collect()
}

const PIECES: [&str; 40] = [
    ":",
    ":",
    ":",
    ":",
    "=",
    "=",
    "\\",
    "[",
    "]",
    "::1",
    "[::1]",
    "%",
    "tcp",
    "tcp6",
    "unix",
    "TCP",
    "port",
    "interface",
    "address",
    "path",
    "host",
    "mode",
    "timeout",
    "abstract",
    "bindAddress",
    "80",
    "0",
    "-1",
    "99999",
    "127.0.0.1",
    "localhost",
    "a",
    "é",
    "😀",
    "\0",
    "\n",
    "\u{202e}",
    " ",
    "_",
    "ms",
];

fn is_told_well(text: &str, mistake: &ParseError) {
    let span = mistake.offset()..mistake.offset() + mistake.length();
    assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
    assert_eq!(mistake.text(), text);
    assert_eq!(mistake.picture().lines().count(), 2, "{text:?}");
    assert_eq!(mistake.message().lines().count(), 1, "{text:?}");
    assert!(!mistake.report().contains(['\0', '\u{202e}']), "{text:?}");
}

/// A string that parses is parsed again from its own description.
fn understand(registry: &Registry, text: &str) -> [Option<String>; 2] {
    let server = registry.parse_server(text).map(|parsed| parsed.description);
    let client = registry.parse_client(text).map(|parsed| parsed.description);
    for mistake in [server.as_ref().err(), client.as_ref().err()].into_iter().flatten() {
        is_told_well(text, mistake);
    }
    if let Ok(description) = &server {
        let again = registry.parse_server(&description.to_string()).unwrap().description;
        assert_eq!(again, *description, "{text:?}");
    }
    if let Ok(description) = &client {
        let again = registry.parse_client(&description.to_string()).unwrap().description;
        assert_eq!(again, *description, "{text:?}");
    }
    [server.ok(), client.ok()].map(|description| description.map(|found| found.to_string()))
}

#[test]
fn no_string_panics_and_every_mistake_lies_inside_the_string() {
    let (registry, dice) = (Reactor::new().registry(), Dice::new(1));
    let mut understood = 0;
    for _ in 0..8_000 {
        let text = draw_text(&dice, &PIECES, 12);
        understood += understand(&registry, &text).iter().flatten().count();
    }
    assert!(understood > 2, "the generator never hits: {understood}");
}

#[test]
fn a_string_with_one_slip_is_understood_or_its_mistake_is_told() {
    let (registry, dice) = (Reactor::new().registry(), Dice::new(2));
    let right = [
        "tcp:80:interface=127.0.0.1:backlog=7",
        "tcp6:80:7:[fe80::1%eth0]",
        r"unix:/run/a\:b:mode=0660:lockfile=0",
        "unix:abstract=a name",
        "tcp:host=example.com:80:timeout=500ms:bindAddress=[::1]",
        "unix:path=/run/x:checkPID=1",
    ];
    let mut understood = 0;
    for _ in 0..8_000 {
        let mut text: Vec<char> = right[dice.below(right.len())].chars().collect();
        let place = dice.below(text.len());
        let slip: Vec<char> = draw_text(&dice, &PIECES, 1).chars().collect();
        text.splice(place..place + dice.below(2), slip);
        let text: String = text.into_iter().collect();
        understood += understand(&registry, &text).iter().flatten().count();
    }
    assert!(understood > 500, "the generator hardly hits: {understood}");
}

#[test]
fn a_quoted_text_comes_back_by_position_and_by_name() {
    let (registry, dice) = (Reactor::new().registry(), Dice::new(3));
    for _ in 0..10_000 {
        // A path has no NUL byte and at most 107 bytes.
        let path = format!("/{}", draw_text(&dice, &PIECES, 8).replace('\0', ""));
        let (by_name, by_position) =
            (quote_string_argument(&path), quote_positional_argument(&path));
        for text in [
            format!("unix:address={by_name}"),
            format!("unix:{by_position}"),
            format!("unix:address={by_position}"),
        ] {
            let description = registry.parse_server(&text).unwrap().description;
            assert_eq!(description.arguments[0].1.to_string(), path, "{text:?}");
        }
    }
}

#[test]
fn a_string_of_a_hundred_thousand_fields_is_told_to_be_wrong() {
    let registry = Reactor::new().registry();
    for piece in [":", "=", ":=", "[", "[::1]:", "é"] {
        let text = format!("tcp:{}", piece.repeat(100_000 / piece.len()));
        is_told_well(&text, &registry.parse_server(&text).unwrap_err());
    }
}
