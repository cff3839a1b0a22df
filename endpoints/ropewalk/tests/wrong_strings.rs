//! Wrong strings of both sides, and the whole of what is said about each: `wrong_strings.txt`.
//!
//! An entry is a line `server …` or `client …`, with the string behind the blank, and the report below it.
//! `ROPEWALK_RENEW=1` writes the reports anew; read the difference before you keep it.
//! Invariant: each entry is a claim about every letter of its report.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;

use ropewalk::endpoints::{Description, ParseError, Registry, StdioServerParser};
use ropewalk::reactor::Reactor;
use ropewalk::systemd::ListenFds;

fn registry() -> Registry {
    let reactor = Reactor::new().unwrap();
    ropewalk::registry_with_inherited(reactor.clone(), ListenFds::default())
        .with_server(StdioServerParser::new(reactor))
}

fn parse(registry: &Registry, entry: &str) -> Result<Description, ParseError> {
    match entry.split_once(' ') {
        Some(("server", text)) => registry.parse_server(text).map(|parsed| parsed.description),
        Some(("client", text)) => registry.parse_client(text).map(|parsed| parsed.description),
        _ => panic!("`{entry}` is no entry"),
    }
}

/// The lines that begin an entry; a report begins with `error: `, and its other lines with two blanks.
fn entries(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| line.starts_with("server ") || line.starts_with("client "))
}

#[test]
fn each_wrong_string_is_told_in_exactly_these_words() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong_strings.txt");
    let file = std::fs::read_to_string(&path).unwrap();
    let registry = registry();
    let mut reports = String::new();
    for entry in entries(&file) {
        let mistake = parse(&registry, entry).expect_err(entry);
        reports.push_str(&format!("{entry}\n{}\n", mistake.report()));
    }
    if std::env::var_os("ROPEWALK_RENEW").is_some() {
        std::fs::write(&path, &reports).unwrap();
    }
    let now = std::fs::read_to_string(&path).unwrap();
    for (number, (written, told)) in now.lines().zip(reports.lines()).enumerate() {
        assert_eq!(written, told, "wrong_strings.txt, line {}", number + 1);
    }
    assert_eq!(now.lines().count(), reports.lines().count());
}

#[test]
fn a_report_has_three_lines_a_column_and_no_word_of_rust() {
    let file = include_str!("wrong_strings.txt");
    let registry = registry();
    assert!(entries(file).count() >= 150);
    for side in ["server ", "client "] {
        assert!(entries(file).filter(|entry| entry.starts_with(side)).count() >= 75, "{side}");
    }
    for entry in entries(file) {
        let mistake = parse(&registry, entry).expect_err(entry);
        let report = mistake.report();
        assert_eq!(report.lines().count(), 3, "{entry}: {report}");
        let column = format!("^ column {}", mistake.column());
        assert!(report.lines().last().unwrap().contains(&column), "{entry}: {report}");
        let told = mistake.message() + &mistake.help().unwrap_or_default();
        for word in
            ["Err(", "Other(", "Some(", "None", "u16", "u32", "usize", "ParseError", "String"]
        {
            assert!(!told.contains(word), "{entry}: {told}");
        }
    }
}
