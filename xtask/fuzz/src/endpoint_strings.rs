//! Fuzzes the strings of endpoints, of both sides: a description is read back as the same, a mistake lies inside
//! the string and is told in three printable lines, and a quoted text comes back.
//!
//! Invariant: every byte is the user's; what is no text is passed over.

use std::thread_local;

use endpoints::{ParseError, Registry, haproxy, quote_positional_argument, quote_string_argument};
use reactor::Reactor;

thread_local! {
    /// Every kind that opens no file, on a reactor that is never run.
    static REGISTRY: Registry = haproxy::register(Registry::standard(Reactor::simulated(1)), Reactor::simulated(1));
}

fn is_told_well(text: &str, mistake: &ParseError) {
    assert_eq!(mistake.text(), text);
    let end = mistake.offset() + mistake.length();
    assert!(text.get(mistake.offset()..end).is_some());
    let report = mistake.report();
    assert_eq!(report.lines().count(), 3);
    assert!(report.chars().all(|shown| shown == '\n' || !shown.is_control()));
    assert!(report.chars().count() < 4000);
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    REGISTRY.with(|registry| {
        let server = |text: &str| registry.parse_server(text).map(|parsed| parsed.description);
        let client = |text: &str| registry.parse_client(text).map(|parsed| parsed.description);
        match server(text) {
            Ok(description) => assert_eq!(server(&description.to_string()), Ok(description)),
            Err(mistake) => is_told_well(text, &mistake),
        }
        match client(text) {
            Ok(description) => assert_eq!(client(&description.to_string()), Ok(description)),
            Err(mistake) => is_told_well(text, &mistake),
        }
        // The path of a socket has a limit, and no NUL byte.
        if text.is_empty() || text.len() > 107 || text.contains('\0') {
            return;
        }
        let by_position = format!("unix:{}", quote_positional_argument(text));
        let by_name = format!("unix:address={}", quote_string_argument(text));
        assert_eq!(server(&by_position), server(&by_name));
        assert_eq!(server(&by_name).expect("it is quoted").arguments[0].1.to_string(), text);
    });
}
