//! One line of the log, and its two forms: text as people read it, and an object of JSON (RFC 8259).
//!
//! ```text
//! {"time":1764532991.25,"level":"warn","event":"handshake","message":"TLS handshake with … failed: …"}
//! {"time":…,"level":"info","event":"connection","id":1,"peer":"…","wire":"tcp","began":…,"seconds":0.2,
//!  "received":3,"sent":3,"reason":"done","message":"connection closed cleanly"}
//! ```
//!
//! Times are seconds since 1970; `event` is `note` for a line of no kind. Invariant: a line of either form is safe
//! for a terminal, as its text is already, and a line of JSON is one line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runner::LogLevel;
use serde::Serialize;

use super::Kind;

/// A line that is safe for a terminal; of mistakes in an endpoint string it is several.
#[derive(Debug)]
pub(crate) struct Line {
    level: LogLevel,
    event: &'static str,
    text: String,
    end: Option<ConnectionEnd>,
}

/// The end of one connection, as `--log-connections` has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConnectionEnd {
    /// The number of the connection, from 1, of all workers.
    pub(crate) id: u64,
    /// The address of the peer, safe for a terminal.
    pub(crate) peer: String,
    /// `tcp`, `unix` and so on; `tls` over any of them.
    pub(crate) wire: &'static str,
    /// When it was accepted, since 1970.
    #[serde(serialize_with = "seconds")]
    pub(crate) began: Duration,
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(crate) time: Duration,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// The label that the metrics have for the end.
    pub(crate) reason: &'static str,
}

#[derive(Serialize)]
struct JsonForm<'a> {
    time: f64,
    level: &'static str,
    event: &'static str,
    #[serde(flatten)]
    end: Option<&'a ConnectionEnd>,
    message: &'a str,
}

impl Line {
    /// A line of no kind, whose level is the word that it begins with: `error: `, `warning: `, or none.
    pub(crate) fn note(text: String) -> Self {
        let level = match split(&text).0 {
            "error" => LogLevel::Error,
            "warning" => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        Self { level, event: "note", text, end: None }
    }

    /// A line of a kind, or the count of several.
    pub(crate) fn of(kind: Kind, text: String) -> Self {
        Self { level: kind.level(), event: kind.name(), text, end: None }
    }

    /// A connection that is over. `cause` is its end in words.
    pub(crate) fn connection(end: ConnectionEnd, cause: String) -> Self {
        Self { level: LogLevel::Info, event: "connection", text: cause, end: Some(end) }
    }

    pub(super) fn level(&self) -> LogLevel {
        self.level
    }

    pub(super) fn into_text(self) -> String {
        let Self { text, end, .. } = self;
        let Some(end) = end else { return text };
        let ConnectionEnd { id, peer, received, sent, time, .. } = end;
        let (over, time) = (if end.wire == "tls" { " over TLS" } else { "" }, time.as_secs_f64());
        format!(
            "connection {id} of {peer}{over}: {received} bytes received, {sent} sent, {time:.3} s: {text}"
        )
    }

    /// The object at this time since 1970.
    pub(super) fn into_json(self, now: Duration) -> String {
        let (word, message) = split(&self.text);
        let message = if word.is_empty() { &self.text } else { message };
        let (level, event, end) = (self.level.name(), self.event, self.end.as_ref());
        let form = JsonForm { time: rounded(now), level, event, end, message };
        serde_json::to_string(&form).expect("text and numbers are JSON")
    }
}

/// The word of the level that a text begins with, and what follows; an empty word where it begins otherwise.
fn split(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((word @ ("error" | "warning" | "note"), rest)) => (word, rest),
        _ => ("", text),
    }
}

/// The time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Seconds, to the microsecond: a binary fraction has no more of the time since 1970.
fn rounded(time: Duration) -> f64 {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).as_secs_f64()
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_micros(951_827_696_250_000);

    fn end(wire: &'static str) -> ConnectionEnd {
        let (peer, time) = (r"unix:/a\u{1b}".into(), Duration::from_millis(1500));
        ConnectionEnd { id: 7, peer, wire, began: NOW, time, received: 3, sent: 4, reason: "lost" }
    }

    #[test]
    fn the_first_word_of_a_note_is_its_level() {
        for (text, level, message) in [
            ("error: no\n  tcp:x", "error", r"no\n  tcp:x"),
            ("warning: hm", "warn", "hm"),
            ("note: tcp:80: one", "info", "tcp:80: one"),
            ("statistics: 1", "info", "statistics: 1"),
            ("certificates: error: no", "info", "certificates: error: no"),
        ] {
            let line = Line::note(text.into()).into_json(NOW);
            let expected = format!(
                r#"{{"time":951827696.25,"level":"{level}","event":"note","message":"{message}"}}"#
            );
            assert_eq!(line, expected);
            assert_eq!(Line::note(text.into()).into_text(), text);
        }
    }

    #[test]
    fn a_line_of_a_kind_has_its_level_in_its_count_too() {
        let count =
            "9 more failed TLS handshakes in the last second, of which the last: warning: x";
        let line = Line::of(Kind::Handshake, count.into()).into_json(NOW);
        let begin = r#"{"time":951827696.25,"level":"warn","event":"handshake","message":"9 more "#;
        assert!(line.starts_with(begin), "{line}");
    }

    #[test]
    fn the_end_of_a_connection_is_one_object_and_one_sentence() {
        let text = Line::connection(end("tcp"), "connection lost".into()).into_text();
        let sentence =
            r"connection 7 of unix:/a\u{1b}: 3 bytes received, 4 sent, 1.500 s: connection lost";
        assert_eq!(text, sentence);
        let text = Line::connection(end("tls"), "connection lost".into()).into_text();
        assert_eq!(text, sentence.replace("}:", "} over TLS:"));
        let line = Line::connection(end("tcp"), "a \"b\"\\n".into()).into_json(NOW);
        let expected = concat!(
            r#"{"time":951827696.25,"level":"info","event":"connection","id":7,"#,
            r#""peer":"unix:/a\\u{1b}","wire":"tcp","began":951827696.25,"seconds":1.5,"#,
            r#""received":3,"sent":4,"reason":"lost","message":"a \"b\"\\n"}"#
        );
        assert_eq!(line, expected);
    }
}
