//! The words for the events of a reactor and of its connections, which all logs have.
//!
//! Invariant: each event has a level and one line, whose text of others is for [`printable`](interfaces::printable).

use deferred::Chain;
use interfaces::ReactorEvent;

use crate::LogLevel;

/// The level, the system and the message of an event.
pub(crate) fn words(event: &ReactorEvent<'_>) -> (LogLevel, String, String) {
    let (level, message) = match event {
        ReactorEvent::ListeningStarted { address, factory } => {
            return (LogLevel::Info, (*factory).into(), format!("listening on {address}"));
        }
        ReactorEvent::ListeningStopped { address, factory } => {
            return (
                LogLevel::Info,
                (*factory).into(),
                format!("no longer listening on {address}"),
            );
        }
        ReactorEvent::AcceptFailed { address, error, remedy } => {
            (LogLevel::Warn, format!("cannot accept on {address}: {error}; {remedy}"))
        }
        ReactorEvent::CallbackPanicked { callback, peer: Some(peer), message } => {
            (LogLevel::Critical, format!("a {callback} panicked, connected with {peer}: {message}"))
        }
        ReactorEvent::CallbackPanicked { callback, peer: None, message } => {
            (LogLevel::Critical, format!("a {callback} panicked: {message}"))
        }
        ReactorEvent::Failed { attempt, error } => {
            (LogLevel::Error, format!("{attempt}: {}", Chain(*error)))
        }
        ReactorEvent::ConnectionOpened { connection, peer, host } => {
            (LogLevel::Info, format!("connection {connection} from {peer} to {host}"))
        }
        ReactorEvent::ConnectionClosed { connection, peer, received, sent, time, reason } => {
            let (seconds, reason) = (time.as_secs_f64(), Chain(*reason));
            let bytes = format!("{received} bytes received, {sent} sent");
            let text =
                format!("connection {connection} of {peer}: {bytes}, {seconds:.3} s: {reason}");
            (LogLevel::Info, text)
        }
        ReactorEvent::HandshakeFailed { connection, peer, reason } => {
            let reason = Chain(*reason);
            let text = format!("connection {connection} of {peer}: TLS handshake failed: {reason}");
            (LogLevel::Warn, text)
        }
        ReactorEvent::ConnectionRefused { peer } => {
            (LogLevel::Warn, format!("refused the connection of {peer}"))
        }
        // One that is added later has no words yet.
        event => (LogLevel::Info, format!("{event:?}")),
    };
    (level, "-".into(), message)
}
