//! The formats of log lines; Twisted's `textFileLogObserver` and `jsonFileLogObserver`.
//!
//! Invariant: a line is a line, whatever is in its text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use interfaces::printable;
use protocol::wire::Date;
use serde::Serialize;

use crate::LogLevel;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `2026-11-29T13:00:00+0000 [system#info] text`, for people.
    Text,
    /// One object a line, `{"time":…,"level":"info","system":"…","message":"…"}`, for programs. The time
    /// is in seconds since 1970.
    Json,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: f64,
    level: &'static str,
    system: &'a str,
    message: &'a str,
}

impl LogFormat {
    /// The format of this name, in letters of any case.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The default for an output: text on a terminal.
    pub(crate) fn for_output(is_terminal: bool) -> Self {
        if is_terminal { Self::Text } else { Self::Json }
    }

    /// A line without its end.
    pub(crate) fn line(self, level: LogLevel, system: &str, message: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.line_at(now, level, system, message)
    }

    fn line_at(self, now: Duration, level: LogLevel, system: &str, message: &str) -> String {
        let level = level.name();
        match self {
            Self::Text => {
                let (system, message) = (printable(system), printable(message));
                format!("{} [{system}#{level}] {message}", stamp(now))
            }
            Self::Json => {
                let line = JsonLine { time: now.as_secs_f64(), level, system, message };
                serde_json::to_string(&line).unwrap_or_default()
            }
        }
    }
}

/// `2026-11-29T13:00:00+0000`.
fn stamp(now: Duration) -> String {
    let (days, second) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let Date { year, month, day, .. } = Date::from_days(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(951_827_696_250);

    #[test]
    fn a_line_of_text_has_the_time_and_the_level_and_no_end_inside() {
        let line = LogFormat::Text.line_at(NOW, LogLevel::Warn, "web", "two\nlines \x1b[2J");
        assert_eq!(line, "2000-02-29T12:34:56+0000 [web#warn] two\\nlines \\u{1b}[2J");
    }

    #[test]
    fn a_line_of_json_is_one_object_with_the_text_as_it_is() {
        let line = LogFormat::Json.line_at(NOW, LogLevel::Critical, "-", "two\n\"lines\"");
        let expected =
            r#"{"time":951827696.25,"level":"critical","system":"-","message":"two\n\"lines\""}"#;
        assert_eq!(line, expected);
    }
}
