//! [`TracingEvents`]: the events of a reactor as events of the crate `tracing`, by the feature of that name.
//!
//! Invariant: an event's text is safe for a terminal, and its numbers are fields.

use interfaces::{Observer, ReactorEvent, printable};
use tracing::{error, info, warn};

use crate::LogLevel;
use crate::event_words::words;

/// An observer that hands events to the subscriber of a program that uses the crate `tracing`, with the target
/// `ropewalk`; the end of a connection has its number and its bytes as fields. That subscriber is called on the
/// reactor's thread, so it must not block. Given to the reactor's `set_observer`, and to
/// `protocol::policies::ObservedFactory` for connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents;

impl Observer for TracingEvents {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let (level, system, message) = words(event);
        let (system, message) = (printable(&system), printable(&message));
        if let ReactorEvent::ConnectionClosed { connection, received, sent, time, .. } = event {
            let seconds = time.as_secs_f64();
            info!(target: "ropewalk", connection, received, sent, seconds, %system, "{message}");
            return;
        }
        match level {
            LogLevel::Debug | LogLevel::Info => info!(target: "ropewalk", %system, "{message}"),
            LogLevel::Warn => warn!(target: "ropewalk", %system, "{message}"),
            LogLevel::Error | LogLevel::Critical => {
                error!(target: "ropewalk", %system, "{message}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use interfaces::Reason;
    use tracing::field::{Field, Visit};
    use tracing::{Event, Metadata, Subscriber, span};

    /// Collects the fields of each event.
    #[derive(Clone, Default)]
    struct Collecting(Arc<Mutex<Vec<String>>>);

    struct Fields<'a>(&'a mut String);

    impl Visit for Fields<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.push_str(&format!(" {}={value:?}", field.name()));
        }
    }

    impl Subscriber for Collecting {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut line = format!("{} {}", event.metadata().level(), event.metadata().target());
            event.record(&mut Fields(&mut line));
            self.0.lock().unwrap().push(line);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn the_end_of_a_connection_is_an_event_with_its_numbers_as_fields() {
        let collecting = Collecting::default();
        let peer = interfaces::UnixAddress::Unnamed.into();
        let (connection, received, sent, time) = (7, 3, 4, Duration::from_secs(2));
        tracing::subscriber::with_default(collecting.clone(), || {
            let (peer, reason) = (&peer, &Reason::Done);
            TracingEvents.observe(&ReactorEvent::ConnectionClosed {
                connection,
                peer,
                received,
                sent,
                time,
                reason,
            });
            TracingEvents.observe(&ReactorEvent::ConnectionRefused { peer });
        });
        let lines = collecting.0.lock().unwrap();
        let fields = "connection=7 received=3 sent=4 seconds=2.0 system=-";
        assert!(lines[0].starts_with("INFO ropewalk ") && lines[0].contains(fields), "{lines:?}");
        assert!(lines[1].starts_with("WARN ropewalk ") && lines.len() == 2, "{lines:?}");
    }
}
