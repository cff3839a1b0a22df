//! A run: the signals, the reactor, the shutdown.
//!
//! Invariant: the reactor's handlers and triggers hold no handle of the run that would keep it alive.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Chain, Deferred, gather_results_consuming_errors};
use interfaces::{Phase, ReactorRun, ReactorTime, SystemEvent};
use protocol::service::Service;

use crate::kill::SIGTERM;
use systemd::Notification;

use crate::{Ending, Exit, ExitStatus, Log, LogLevel, Notify, Shutdown};

/// The other two signals, by the numbers that they have on every system.
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;

/// A run of a service on a reactor.
pub(super) struct Running<R> {
    reactor: R,
    shutdown: Rc<Shutdown>,
    /// The signal that began the shutdown.
    signal: Rc<Cell<Option<i32>>>,
    supervision: Supervision,
}

/// The supervisor and the operator, who hear of the run.
#[derive(Clone)]
pub(super) struct Supervision {
    pub(super) notify: Option<Rc<dyn Notify>>,
    pub(super) log: Option<Log>,
    /// The name that the lines of a run have.
    pub(super) name: String,
}

impl<R: ReactorRun + ReactorTime + Clone + 'static> Running<R> {
    pub(super) fn new(
        (reactor, service, grace): (R, Rc<dyn Service>, Duration),
        (drain, supervision): (Box<dyn Fn() -> Deferred<()>>, Supervision),
    ) -> Self {
        let told = supervision.clone();
        let begin = move || {
            told.tell(&Notification::new().stopping());
            let stopped = service.stop_service().log_error().add_errback(|_| Ok(()));
            let drained = drain().log_error().add_errback(|_| Ok(()));
            gather_results_consuming_errors([stopped, drained]).add_callback(|_| Ok(()))
        };
        let (ended, told) = (reactor.clone(), supervision.clone());
        let end = move |ending| {
            match ending {
                Ending::GraceOver => {
                    told.warn(format_args!("not all work was done within {grace:?}"));
                }
                Ending::Now => ended.disconnect_all(),
                Ending::Drained => {}
            }
            // It may be stopping already.
            let _ = ended.stop();
        };
        let shutdown = Shutdown::new(reactor.clone(), grace, begin, end);
        Self { reactor, shutdown, signal: Rc::default(), supervision }
    }

    /// Catches the signals before a port is open, so that none ends the program in between.
    pub(super) fn catch_signals(&self, on_hangup: Option<Box<dyn Fn()>>) -> io::Result<()> {
        for number in [SIGTERM, SIGINT] {
            let (shutdown, signal) = (Rc::downgrade(&self.shutdown), self.signal.clone());
            let handler = move || {
                if let Some(shutdown) = shutdown.upgrade() {
                    signal.set(signal.get().or(Some(number)));
                    shutdown.signal();
                }
            };
            self.reactor.on_signal(number, Box::new(handler))?;
        }
        match on_hangup {
            Some(hook) => self.reactor.on_signal(SIGHUP, hook),
            None => Ok(()),
        }
    }

    /// Runs the reactor until its end.
    pub(super) fn run(self, when_running: Option<Box<dyn FnOnce()>>) -> Exit {
        let shutdown = Rc::downgrade(&self.shutdown);
        let stop = move || match shutdown.upgrade() {
            Some(shutdown) => shutdown.over(),
            None => Deferred::succeed(()),
        };
        let before = Phase::Before;
        self.reactor.add_system_event_trigger(before, SystemEvent::Shutdown, Box::new(stop));
        let supervision = self.supervision.clone();
        self.reactor.call_when_running(Box::new(move || {
            if let Some(hook) = when_running {
                hook();
            }
            supervision.tell(&Notification::new().ready());
        }));
        match self.reactor.run() {
            Ok(()) => {
                self.signal.get().into_iter().fold(Exit::new(ExitStatus::OK), Exit::with_signal)
            }
            Err(error) => {
                let message = format!("Cannot wait for events: {error}");
                Exit::new(ExitStatus::OSERR).with_message(message)
            }
        }
    }
}

impl Supervision {
    fn tell(&self, notification: &Notification) {
        if let Some(Err(error)) = self.notify.as_ref().map(|notify| notify.notify(notification)) {
            self.warn(format_args!("cannot tell {}: {}", notification.as_str(), Chain(&error)));
        }
    }

    fn warn(&self, text: impl fmt::Display) {
        if let Some(log) = &self.log {
            log.log(LogLevel::Warn, &self.name, text);
        }
    }
}
