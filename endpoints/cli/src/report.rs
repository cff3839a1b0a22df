//! Reports on standard error.
//!
//! Invariant: a line that cannot be written is lost without an error, and text of peers goes through
//! [`printable`].

use std::fmt::Display;
use std::io::{self, Write as _};

use deferred::{Chain, Failure};
use endpoints::ParseError;
use interfaces::{Observer, ReactorEvent, printable};

/// Reports a mistake in an endpoint string: the mistake, its place and the correction.
pub(crate) fn mistake(error: &ParseError) {
    lines(error.report());
}

/// Reports that an endpoint failed: the failure with its causes, and the endpoint.
pub(crate) fn failed(endpoint: &str, failure: &Failure) {
    lines(failed_at(endpoint, failure));
}

fn failed_at(endpoint: &str, failure: &Failure) -> String {
    let chain = format!("{failure:#}");
    format!("error: {}\n  {}", printable(&chain), printable(endpoint))
}

/// Reports a failure that concerns no endpoint.
pub(crate) fn error(failure: &Failure) {
    note(format_args!("error: {failure:#}"));
}

/// Reports a mistake in the usage, which may take several lines.
pub(crate) fn usage(text: &str) {
    lines(printable_lines(text));
}

fn printable_lines(text: &str) -> String {
    let safe: Vec<String> = text.lines().map(|line| printable(line).to_string()).collect();
    safe.join("\n")
}

/// Reports one line.
pub(crate) fn note(text: impl Display) {
    lines(printable(&text.to_string()));
}

fn lines(text: impl Display) {
    // An error of standard error has nowhere to go.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Reports the reactor's errors; that a port opens or closes is not reported.
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
                note(format_args!("error: {attempt}: {}", Chain(*error)));
            }
            ReactorEvent::ListeningStarted { .. } | ReactorEvent::ListeningStopped { .. } => {}
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::{ConnectError, FailedAddress, OsError, UnixAddress};

    #[test]
    fn a_wrong_argument_cannot_disturb_a_terminal() {
        let text =
            "error: unexpected argument '--\u{202e}a\x1b[2J\u{200b}' found\n\nUsage: ropewalk\n";
        let safe = r"error: unexpected argument '--\u{202e}a\u{1b}[2J\u{200b}' found";
        assert_eq!(printable_lines(text), format!("{safe}\n\nUsage: ropewalk"));
    }

    #[test]
    fn what_a_peer_sent_cannot_disturb_a_terminal() {
        let cause = Failure::new(std::io::Error::other("a\n\x1b[2Jb\u{9b}\u{202e}é"));
        let attempts = vec![FailedAddress::new(UnixAddress::Unnamed.into(), cause.clone())];
        let host = "evil\u{200b}.example".into();
        for failure in [cause, Failure::new(ConnectError::AllFailed { host, attempts })] {
            let text = failed_at("tcp:\u{202e}moc:80\r", &failure);
            let (error, endpoint) = text.split_once('\n').unwrap();
            assert!(error.ends_with("a\\n\\u{1b}[2Jb\\u{9b}\\u{202e}é"), "{error}");
            assert!(!error.contains('\u{200b}'), "{error}");
            assert_eq!(endpoint, "  tcp:\\u{202e}moc:80\\r");
        }
    }

    #[test]
    fn an_error_shows_with_its_causes() {
        let source = OsError::from_raw_os_error(111);
        let address = UnixAddress::Unnamed.into();
        let failure = Failure::new(ConnectError::Refused { address, source });
        let line = failed_at("unix:", &failure);
        let begins = line.starts_with("error: cannot connect to unix:: ");
        assert!(begins && line.contains("111"), "{line}");
    }
}
