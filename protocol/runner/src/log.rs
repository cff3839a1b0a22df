//! [`Log`]: the log of a program, as text or JSON; Twisted's `FilteringLogObserver` around a file's.
//!
//! Invariant: a line below the level is not made.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Unhandled, UnhandledHook, set_unhandled_hook};
use interfaces::{Observer, ReactorEvent};

use crate::event_words::words;
use crate::{LineQueue, LogFormat, LogLevel, LogOutput, log_output};

/// How long the end of the program waits for its last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A log. A clone is the same one; it is an observer of its reactor. The thread that writes it lives as long
/// as the process.
#[derive(Clone)]
pub struct Log {
    level: LogLevel,
    format: LogFormat,
    queue: Arc<LineQueue>,
}

thread_local! {
    /// The log of the reactor on this thread, which unhandled errors go to.
    static CURRENT: RefCell<Option<Log>> = const { RefCell::new(None) };
}

impl Log {
    /// A log of the lines from this level on.
    ///
    /// # Errors
    ///
    /// When the system has no thread for it.
    pub fn new(level: LogLevel, format: LogFormat, output: LogOutput) -> std::io::Result<Self> {
        Self::to_writer(level, format, output.into_writer())
    }

    /// A log into anything that can be written to.
    ///
    /// # Errors
    ///
    /// When the system has no thread for it.
    pub fn to_writer(
        level: LogLevel,
        format: LogFormat,
        output: Box<dyn Write + Send>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(LineQueue::new());
        log_output::start(&queue, output)?;
        Ok(Self { level, format, queue })
    }

    /// Adds a line. It waits for the output for a few milliseconds at most, and then for none of the lines
    /// that follow, until the output is quick again.
    pub fn log(&self, level: LogLevel, system: &str, message: impl fmt::Display) {
        if level >= self.level {
            self.queue.push(self.format.line(level, system, &message.to_string()));
            self.queue.wait_if_prompt();
        }
    }

    /// Waits until all lines are written, for a second at most.
    pub fn flush(&self) {
        self.queue.wait_until_written(LAST_LINES);
    }

    /// Has the errors that no Deferred of this thread handled logged here, until what this returns is
    /// dropped.
    pub(crate) fn begin(&self) -> Logging {
        CURRENT.replace(Some(self.clone()));
        let before = set_unhandled_hook(|unhandled| {
            let log = CURRENT.with_borrow(Clone::clone);
            if let (Some(log), Unhandled::Error(_) | Unhandled::Logged(_)) = (log, unhandled) {
                log.log(LogLevel::Critical, "-", unhandled);
            }
        });
        Logging { log: self.clone(), before }
    }

    /// As an observer of a reactor.
    pub(crate) fn observer(&self) -> Rc<dyn Observer> {
        Rc::new(self.clone())
    }
}

/// The time of a log that unhandled errors go to; its drop waits for the last lines.
#[must_use = "its drop ends it"]
pub(crate) struct Logging {
    log: Log,
    before: Option<UnhandledHook>,
}

impl Drop for Logging {
    fn drop(&mut self) {
        CURRENT.take();
        if let Some(before) = self.before {
            set_unhandled_hook(before);
        }
        self.log.flush();
    }
}

impl Observer for Log {
    fn observe(&self, event: &ReactorEvent<'_>) {
        let (level, system, message) = words(event);
        self.log(level, &system, message);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("level", &self.level)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
