//! [`LogFacade`]: the events of a reactor as records of the crate `log`, by the feature of that name.
//!
//! Invariant: a record is made only where its level is wanted, and its text is safe for a terminal.

use interfaces::{Observer, ReactorEvent, printable};

use crate::LogLevel;
use crate::event_words::words;

/// An observer that hands events to the logger of a program that uses the crate `log`, with the target `ropewalk`. That
/// logger is called on the reactor's thread, so it must not block. Given to the reactor's `set_observer`, and to
/// `protocol::policies::ObservedFactory` for connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogFacade;

impl Observer for LogFacade {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let (level, system, message) = words(event);
        let level = match level {
            LogLevel::Debug => log::Level::Debug,
            LogLevel::Info => log::Level::Info,
            LogLevel::Warn => log::Level::Warn,
            LogLevel::Error | LogLevel::Critical => log::Level::Error,
        };
        let (system, message) = (printable(&system), printable(&message));
        log::log!(target: "ropewalk", level, "[{system}] {message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    static RECORDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Collecting;

    impl log::Log for Collecting {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            let line = format!("{} {} {}", record.level(), record.target(), record.args());
            RECORDS.lock().unwrap().push(line);
        }

        fn flush(&self) {}
    }

    #[test]
    fn an_event_is_a_record_that_is_safe_for_a_terminal() {
        log::set_logger(&Collecting).unwrap();
        log::set_max_level(log::LevelFilter::Info);
        let peer = interfaces::UnixAddress::Unnamed.into();
        let message = "a\n\u{1b}[2J";
        LogFacade.observe(&ReactorEvent::CallbackPanicked {
            callback: "protocol",
            peer: Some(&peer),
            message,
        });
        let records = RECORDS.lock().unwrap();
        let line = r"ERROR ropewalk [-] a protocol panicked, connected with unix:: a\n\u{1b}[2J";
        assert_eq!(*records, [line]);
    }
}
