//! What goes to standard error.
//!
//! Invariant: a line that cannot be written is lost and nothing else happens, and no byte that came
//! from a peer reaches a terminal unescaped.

use std::fmt::Display;
use std::io::{self, Write as _};

use deferred::Failure;
use endpoints::ParseError;
use interfaces::{Observer, ReactorEvent};

/// A mistake in an endpoint string: what, where, and what would be right.
pub(crate) fn mistake(error: &ParseError) {
    lines(&error.report());
}

/// What came of an endpoint that is written correctly: the failure and its causes, and the endpoint.
pub(crate) fn failed(endpoint: &str, failure: &Failure) {
    lines(&format!("error: {}\n  {}", printable(&format!("{failure:#}")), printable(endpoint)));
}

/// A failure that no endpoint is to blame for.
pub(crate) fn error(failure: &Failure) {
    lines(&format!("error: {}", printable(&format!("{failure:#}"))));
}

/// One line that is no failure of ours.
pub(crate) fn note(text: impl Display) {
    lines(&printable(&text.to_string()));
}

fn lines(text: &str) {
    // There is nobody left to tell that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The text in one line, with an escape for each character that could disturb a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control()
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Tells an operator what the reactor had to tell; that a port opens or closes is no news.
pub(crate) struct StderrObserver;

impl Observer for StderrObserver {
    fn observe(&self, event: &ReactorEvent<'_>) {
        match event {
            ReactorEvent::AcceptFailed { address, error, remedy } => {
                note(format_args!("warning: cannot accept on {address}: {error}; {remedy}"));
            }
            ReactorEvent::CallbackPanicked { callback, peer: Some(peer), message } => {
                note(format_args!(
                    "error: a {callback} panicked, connected with {peer}: {message}"
                ));
            }
            ReactorEvent::CallbackPanicked { callback, peer: None, message } => {
                note(format_args!("error: a {callback} panicked: {message}"));
            }
            ReactorEvent::Failed { attempt, error } => {
                let causes = causes(*error);
                note(format_args!("error: {attempt}: {causes}"));
            }
            ReactorEvent::ListeningStarted { .. } | ReactorEvent::ListeningStopped { .. } => {}
            _ => {}
        }
    }
}

/// An error and what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_sent_cannot_disturb_a_terminal() {
        assert_eq!(printable("a\n\x1b[2Jb\u{9b}\u{202e}é"), "a\\n\\u{1b}[2Jb\\u{9b}\\u{202e}é");
    }

    #[test]
    fn an_error_shows_with_its_causes() {
        let cause = interfaces::OsError::from_raw_os_error(111);
        let address = interfaces::UnixAddress::Unnamed.into();
        let error = interfaces::ConnectError::Refused { address, source: cause };
        let line = causes(&error);
        assert!(line.starts_with("cannot connect to unix:: ") && line.contains("111"), "{line}");
    }
}
