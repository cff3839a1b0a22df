//! Every string of `tests/oracle.tsv` is understood as Twisted 26.10 understands it, or differs for
//! a reason that the crate's header gives under its number.
//!
//! Invariant: what Twisted said was recorded by running it, not by reading it.

use crate::doubles::Reactor;

const HEADER: &str = include_str!("../../src/lib.rs");

struct Row {
    line: &'static str,
    side: &'static str,
    text: String,
    twisted: &'static str,
    ours: &'static str,
    reason: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    include_str!("../oracle.tsv").lines().skip(2).map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let [side, text, twisted, ours, reason] = columns[..] else { panic!("columns of {line}") };
        Row { line, side, text: control_characters(text), twisted, ours, reason }
    })
}

/// Control characters stand in the table as their pictures.
fn control_characters(text: &str) -> String {
    let plain = |shown: char| match shown {
        '\u{2400}'..='\u{241f}' => char::from_u32(u32::from(shown) - 0x2400).unwrap(),
        other => other,
    };
    text.chars().map(plain).collect()
}

#[test]
fn a_string_means_what_it_means_to_twisted() {
    let registry = Reactor::new().registry();
    let mut count = 0;
    for row in rows().filter(|row| ["server", "client"].contains(&row.side)) {
        let understood = match row.side {
            "server" => registry.parse_server(&row.text).map(|parsed| parsed.description),
            _ => registry.parse_client(&row.text).map(|parsed| parsed.description),
        };
        let shown = understood.map_or("error".into(), |description| description.to_string());
        let expected = if row.ours.is_empty() { row.twisted } else { row.ours };
        assert_eq!(shown, control_characters(expected), "row {:?}", row.line);
        count += 1;
    }
    assert!(count > 250, "only {count} rows");
}

#[test]
fn every_difference_has_its_reason_and_every_reason_an_example() {
    let numbers: Vec<_> = (1..)
        .take_while(|number| HEADER.contains(&format!("\n//! {number}. ")))
        .map(|number| number.to_string())
        .collect();
    assert!(numbers.len() >= 15);
    for row in rows() {
        assert_eq!(row.ours.is_empty(), row.reason.is_empty(), "row {:?}", row.line);
        assert!(row.ours.is_empty() || row.ours != row.twisted, "row {:?}", row.line);
        assert!(row.reason.is_empty() || numbers.iter().any(|n| n == row.reason), "{}", row.line);
    }
    for number in numbers {
        assert!(rows().any(|row| row.reason == number), "no example of difference {number}");
    }
}

#[test]
fn only_the_safer_defaults_change_what_a_string_means() {
    for row in rows().filter(|row| ["server", "client"].contains(&row.side)) {
        let changed = row.twisted != "error" && !row.ours.is_empty() && row.ours != "error";
        let allowed = ["8", "9", "16"].contains(&row.reason) || is_same_in_other_words(&row);
        assert!(!changed || allowed, "row {:?}", row.line);
    }
}

/// A name that begins with a NUL byte is shown as what it is, and no host is called `[a`.
fn is_same_in_other_words(row: &Row) -> bool {
    row.text.contains('\0') && row.ours.contains(":abstract=") || row.twisted.contains(":host=[")
}
