//! The grammar against Twisted's `_parse`, and where its pieces stand.
//!
//! Invariant: each row of the table for `parse` is asked of both.

use super::*;
use crate::{quote_positional_argument, quote_string_argument};
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
        assert_eq!(shown(&format!("x:k={quoted}")), format!("‹x›‹k›=‹{text}›"));
        let by_position = quote_positional_argument(&text);
        assert_eq!(shown(&format!("x:{by_position}")), format!("‹x›‹{text}›"));
        assert_eq!(shown(&format!("x:k={by_position}")), format!("‹x›‹k›=‹{text}›"));
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

#[track_caller]
fn splits(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

/// endpoint-parse-001
#[test]
fn every_plain_colon_separates_two_fields_and_a_field_without_an_equals_sign_is_by_position() {
    splits(&[("a:b:c", "‹a›‹b›‹c›"), ("a", "‹a›"), ("c:a:b", "‹c›‹a›‹b›")]);
}

/// endpoint-parse-002
#[test]
fn a_field_with_a_plain_equals_sign_is_an_option_and_stands_anywhere() {
    splits(&[("a:b:d=1:c", "‹a›‹b›‹c›‹d›=‹1›"), ("d=1:a", "‹a›‹d›=‹1›")]);
}

/// endpoint-parse-003
#[test]
fn only_the_first_equals_sign_of_a_field_ends_a_name() {
    splits(&[
        ("unix:address=foo=bar", "‹unix›‹address›=‹foo=bar›"),
        ("a:b=c=d=e:f", "‹a›‹f›‹b›=‹c=d=e›"),
    ]);
}

/// endpoint-parse-004
#[test]
fn behind_the_colon_that_ends_a_value_an_equals_sign_ends_a_name_again() {
    splits(&[("a=b=c:d=e", "‹a›=‹b=c›‹d›=‹e›")]);
}

/// endpoint-parse-005, endpoint-parse-006
#[test]
fn a_backslash_makes_the_next_character_literal_whatever_it_is_and_is_gone() {
    splits(&[
        (r"unix:foo\:bar\=baz\:qux\\", r"‹unix›‹foo:bar=baz:qux\›"),
        (r"a:\n\t\é", "‹a›‹nté›"),
        (r"\tcp:80", "‹tcp›‹80›"),
    ]);
}

/// endpoint-parse-007
#[test]
fn escapes_bind_from_the_left() {
    splits(&[(r"b\\:c", r"‹b\›‹c›"), (r"b\\\:c", r"‹b\:c›")]);
}

/// endpoint-parse-009
#[test]
fn an_escaped_equals_sign_ends_no_name_and_may_be_part_of_one() {
    splits(&[
        (r"a:b\=c", "‹a›‹b=c›"),
        (r"a:b\=c=d", "‹a›‹b=c›=‹d›"),
        (r"a:b=c\=d", "‹a›‹b›=‹c=d›"),
    ]);
}

/// endpoint-parse-010
#[test]
fn empty_fields_are_kept() {
    splits(&[
        (":", "‹›‹›"),
        ("::", "‹›‹›‹›"),
        ("a::b", "‹a›‹›‹b›"),
        ("a:b:", "‹a›‹b›‹›"),
        ("", "‹›"),
    ]);
}

/// endpoint-parse-015: an address with escapes is the same with us. Brackets around a whole address that is
/// one are ours; any other bracket is a letter, as in Twisted, where all of them are.
#[test]
fn a_bracket_is_a_letter_but_around_a_whole_ipv6_address() {
    splits(&[
        (r"a:\:\:1:80", "‹a›‹::1›‹80›"),
        (r"a:[\:\:1]:80", "‹a›‹[::1]›‹80›"),
        ("a:[::x]:80", "‹a›‹[›‹›‹x]›‹80›"),
        ("a:[::1]x:80", "‹a›‹[›‹›‹1]x›‹80›"),
        ("a:x[::1]:80", "‹a›‹x[›‹›‹1]›‹80›"),
        ("a:[::1]:80", "‹a›‹[::1]›‹80›"),
    ]);
}

/// endpoint-parse-016
#[test]
fn letters_of_any_script_pass_unchanged_in_the_kind_by_position_and_by_name() {
    // The second is decomposed, and stays so.
    splits(&[("ünïx:пу́ть:k=u\u{308}日本", "‹ünïx›‹пу́ть›‹k›=‹u\u{308}日本›")]);
}

/// endpoint-parse-021
#[test]
fn the_plain_colon_of_a_drive_separates_and_the_escaped_one_does_not() {
    splits(&[
        ("ssl:443:privateKey=C:/key.pem", "‹ssl›‹443›‹/key.pem›‹privateKey›=‹C›"),
        (r"ssl:443:privateKey=C\:/key.pem", "‹ssl›‹443›‹privateKey›=‹C:/key.pem›"),
    ]);
}

/// endpoint-parse-023, endpoint-parse-024
#[test]
fn quoting_for_a_named_value_escapes_backslashes_and_colons_and_nothing_else() {
    for (text, quoted) in [
        (r"some : stuff \", r"some \: stuff \\"),
        ("a=b", "a=b"),
        (" é日 ", " é日 "),
        ("", ""),
        (r"a\:b", r"a\\\:b"),
    ] {
        assert_eq!(quote_string_argument(text), quoted);
    }
    assert!(matches!(quote_string_argument("a=b"), Cow::Borrowed(_)), "unchanged is not copied");
}

/// endpoint-parse-025
#[test]
fn every_quoted_text_behind_a_name_is_read_back_as_it_was() {
    const LETTERS: [char; 8] = [':', '=', '\\', '[', ']', 'a', '1', 'é'];
    let mut texts = alloc::vec![String::new()];
    for _ in 0..5 {
        let longer = texts.iter().flat_map(|text| LETTERS.map(|letter| format!("{text}{letter}")));
        let longer: Vec<_> = longer.collect();
        texts = longer;
        for text in &texts {
            let fields = fields(&format!("x:k={}", quote_string_argument(text)))
                .map(|fields| {
                    let [_, field] = &fields[..] else { panic!("{text}: {fields:?}") };
                    let name = field.name.as_ref().map(|name| name.text.as_ref().into());
                    (name, String::from(field.value.text.as_ref()), field.value.form)
                })
                .expect(text);
            assert_eq!(fields, (Some(String::from("k")), text.clone(), Form::Plain));
        }
    }
}

/// endpoint-parse-026
#[test]
fn a_value_by_position_needs_the_quoting_that_escapes_its_equals_sign() {
    assert_eq!(shown(&format!("x:{}", quote_string_argument("a=b"))), "‹x›‹a›=‹b›");
    assert_eq!(quote_positional_argument("a=b"), r"a\=b");
    assert_eq!(shown(&format!("x:{}", quote_positional_argument("a=b"))), "‹x›‹a=b›");
}
