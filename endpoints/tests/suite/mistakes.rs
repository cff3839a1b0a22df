//! Wrong strings, and what is said about each: `tests/mistakes.tsv`.
//!
//! Invariant: each row is a claim about the whole answer: place, words, proposal.

use ropewalk_endpoints::{ParseError, Problem, Side};

use crate::doubles::Reactor;

fn mistake(side: &str, text: &str) -> ParseError {
    let registry = Reactor::new().registry();
    let parsed = match side {
        "server" => registry.parse_server(text).map(|parsed| parsed.description),
        _ => registry.parse_client(text).map(|parsed| parsed.description),
    };
    parsed.expect_err(text)
}

#[test]
fn a_mistake_is_told_with_its_place_its_words_and_the_nearest_name() {
    let mut count = 0;
    for row in include_str!("../mistakes.tsv").lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let [side, text, offset, length, message, suggestion, help] = columns[..] else {
            panic!("columns of {row}")
        };
        let mistake = mistake(side, text);
        let place = (mistake.offset().to_string(), mistake.length().to_string());
        assert_eq!(place, (offset.into(), length.into()), "row {row:?}");
        assert_eq!(mistake.message(), message, "row {row:?}");
        assert_eq!(mistake.suggestion().unwrap_or(""), suggestion, "row {row:?}");
        assert_eq!(mistake.help().unwrap_or_default(), help, "row {row:?}");
        let invalid = matches!(mistake.problem(), Problem::Invalid { .. });
        assert!(invalid || !help.is_empty() || mistake.expected().is_none(), "row {row:?}");
        count += 1;
    }
    assert!(count >= 150, "only {count} rows");
}

#[test]
fn the_picture_points_at_the_option_and_proposes_another() {
    let report = mistake("server", "tcp:8080:interfaec=127.0.0.1").report();
    assert_eq!(
        report,
        "error: unknown option `interfaec` for a `tcp` server
  tcp:8080:interfaec=127.0.0.1
           ^^^^^^^^^ column 10: a similar option exists: `interface`"
    );
}

#[test]
fn the_picture_of_a_bad_value_needs_no_help() {
    let report = mistake("server", "tcp:80a0").report();
    assert_eq!(
        report,
        "error: port `80a0` is not a number from 0 to 65535
  tcp:80a0
      ^^^^ column 5"
    );
}

#[test]
fn what_is_missing_is_pointed_at_behind_the_end() {
    let mistake = mistake("client", "tcp:example.com");
    assert_eq!((mistake.offset(), mistake.length()), (15, 0));
    assert_eq!(mistake.picture(), "  tcp:example.com\n                 ^ column 16");
}

#[test]
fn columns_count_characters_and_offsets_count_bytes() {
    let mistake = mistake("client", "tcp:bücher.ch:80x");
    assert_eq!((mistake.offset(), mistake.length(), mistake.column()), (15, 3, 15));
    assert_eq!(mistake.picture(), "  tcp:bücher.ch:80x\n                ^^^ column 15");
}

#[test]
fn no_control_character_reaches_the_terminal() {
    let text = "tcp:\x1b[2J\u{202e}\u{85}\x7f\n:x=1";
    let mistake = mistake("server", text);
    for shown in [mistake.message(), mistake.report(), mistake.picture()] {
        let safe = |shown: char| shown == '\n' || !shown.is_control() && shown != '\u{202e}';
        assert!(shown.chars().all(safe), "{shown:?}");
    }
    assert_eq!(mistake.picture(), "  tcp:␛[2J��␡␊:x=1\n               ^ column 14");
}

/// Every kind of mistake, once with 64 KiB before what is wrong, in it, or behind it.
#[test]
fn whatever_is_long_the_report_is_short() {
    for filler in ["x", "ü", "日", "a\u{308}", "\0"] {
        let long = filler.repeat((1 << 16) / filler.len());
        for (side, text) in [
            ("server", "LONG"),
            ("server", "tcp:LONG"),
            ("server", "tcp:80:LONG=1"),
            ("server", "tcp:80:LONG"),
            ("server", "tcp:80:interface=LONG.1"),
            ("server", "tcp:x:interface=LONG"),
            ("server", "tcp:LONG:LONG=1"),
            ("server", "unix:LONG"),
            ("server", "unix:LONG:mode=9"),
            ("server", "unix:LONG:mode=LONG"),
            ("server", r"LONG\"),
            ("server", "a=LONG"),
            ("client", "tcp:LONG"),
            ("client", "tcp:LONG:80:timeout=x"),
            ("client", "tcp:host:80:bindAddress=LONG"),
            ("client", "tcp:LONG:port=LONG"),
            ("client", "unix:LONG:timeout=LONG"),
        ] {
            let report = mistake(side, &text.replace("LONG", &long)).report();
            assert!(report.chars().count() < 1500, "{side} {text}: {}", report.chars().count());
            assert!(report.contains("^ column "), "{side} {text}: {report}");
        }
    }
}

#[test]
fn carets_stand_below_the_mistake_on_a_terminal() {
    let picture = mistake("client", "tcp:例え.テスト:80x").picture();
    assert_eq!(picture, "  tcp:例え.テスト:80x\n                  ^^^ column 12");
}

#[test]
fn the_problem_can_be_matched_on() {
    let missing = mistake("server", "unix");
    assert!(matches!(
        missing.problem(),
        Problem::Missing { argument: "address", kind: "unix", side: Side::Server, .. }
    ));
    assert_eq!(missing.text(), "unix");
    assert_eq!(missing.to_string(), missing.message());
}

#[test]
fn a_port_by_the_name_of_a_service_is_named_as_a_mistake() {
    for text in ["tcp:127.0.0.1:http", "tcp:127.0.0.1:invalid", "tcp:127.0.0.1:port=invalid"] {
        let service = text.rsplit([':', '=']).next().unwrap();
        let told = mistake("client", text).to_string();
        assert!(told.contains(service), "{told}");
    }
}
