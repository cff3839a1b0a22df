//! The grammar against Twisted's `_parse`, and where its pieces stand.
//!
//! Invariant: each row of the table for `parse` is asked of both.

use super::*;
use crate::quote_string_argument;
use alloc::format;

/// Control characters stand in the table as their pictures.
fn control_characters(text: &str) -> String {
    let plain = |shown: char| match shown {
        '\u{2400}'..='\u{241f}' => char::from_u32(u32::from(shown) - 0x2400).unwrap_or(shown),
        other => other,
    };
    text.chars().map(plain).collect()
}

/// Values by position in order, then options by name, the last of equal ones.
fn shown(text: &str) -> String {
    let Ok(fields) = fields(text) else { return "error".into() };
    let mut options = alloc::collections::BTreeMap::new();
    let mut shown = String::new();
    for field in fields {
        match field.name {
            None => shown.push_str(&format!("‹{}›", field.value.text)),
            Some(name) => {
                options.insert(name.text.into_owned(), field.value.text.into_owned());
            }
        }
    }
    for (name, value) in options {
        shown.push_str(&format!("‹{name}›=‹{value}›"));
    }
    shown
}

fn rows(side: &str) -> impl Iterator<Item = [&'static str; 3]> {
    let table = include_str!("../../tests/oracle.tsv");
    let columns = |line: &'static str| {
        let mut columns = line.split('\t');
        let [side, text, twisted, ours] =
            core::array::from_fn(|_| columns.next().expect("a column"));
        (side, [text, if ours.is_empty() { twisted } else { ours }, line])
    };
    table.lines().skip(2).map(columns).filter(move |row| row.0 == side).map(|(_, row)| row)
}

#[test]
fn a_string_splits_as_twisted_splits_it() {
    let mut count = 0;
    for [text, expected, row] in rows("parse") {
        let expected = control_characters(expected);
        assert_eq!(shown(&control_characters(text)), expected, "row {row:?}");
        count += 1;
    }
    assert!(count > 60, "only {count} rows");
}

#[test]
fn a_text_is_quoted_as_twisted_quotes_it_and_safely() {
    for [text, expected, row] in rows("quote") {
        let text = control_characters(text);
        let quoted = quote_string_argument(&text);
        assert_eq!(quoted, control_characters(expected), "row {row:?}");
        assert_eq!(shown(&format!("x:{quoted}")), format!("‹x›‹{text}›"));
        assert_eq!(shown(&format!("x:k={quoted}")), format!("‹x›‹k›=‹{text}›"));
    }
}

#[test]
fn every_piece_knows_its_place() {
    let text = r"t\cp:[::1]:ké\=y=v\:1:=";
    let pieces: Vec<_> = fields(text)
        .expect("it is right")
        .into_iter()
        .flat_map(|field| field.name.into_iter().chain([field.value]))
        .map(|piece| (&text[piece.span.clone()], piece.text.into_owned(), piece.form))
        .collect();
    let plain = |written, text: &str| (written, String::from(text), Form::Plain);
    assert_eq!(
        pieces,
        [
            plain(r"t\cp", "tcp"),
            ("[::1]", "[::1]".into(), Form::Literal),
            plain(r"ké\=y", "ké=y"),
            plain(r"v\:1", "v:1"),
            plain("", ""),
            plain("", ""),
        ]
    );
}

#[test]
fn a_place_in_a_value_is_found_in_what_was_written() {
    let written = r"a\:é\\b";
    let unescaped = unescaped(written);
    assert_eq!(unescaped, r"a:é\b");
    let places: Vec<_> = unescaped
        .char_indices()
        .map(|(offset, _)| &written[written_offset(written, offset)..])
        .collect();
    assert_eq!(places, [r"a\:é\\b", r"\:é\\b", r"é\\b", r"\\b", "b"]);
    assert_eq!(written_offset(written, unescaped.len()), written.len());
}

#[test]
fn a_lone_backslash_at_the_end_is_the_only_mistake() {
    for (text, offset) in [("\\", 0), ("a:b\\", 3), ("a:b\\\\\\", 5), ("é:k=\\", 5), ("[::1]\\", 5)]
    {
        assert_eq!(fields(text), Err(offset), "{text}");
    }
}
