//! [`Runner`]: a service, from its start to its end; Twisted's `Runner` and `startApplication`.
//!
//! Invariant: each step begins when the one before it is done, and what was begun is ended in the reverse
//! order, whichever step fails.

mod running;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{ListenError, ReactorRun, ReactorTime};
use protocol::service::Service;

use crate::kill::kill;
use crate::privileges::KernelPrivileges;
use crate::send_signal::KernelSignals;
use crate::{
    Exit, ExitStatus, Log, Notify, PidFile, PidFileError, PrivilegeCalls, ProcessSettings,
    SendSignal,
};
use running::{Running, Supervision};

/// The time that work in flight has by default.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a service on a reactor, and returns how the program ends.
///
/// SIGTERM and SIGINT stop the service, wait for the work in flight, and stop the reactor; a second one
/// does so at once. A reactor that the program stops itself stops the service likewise.
///
/// # Examples
///
/// ```
/// # use ropewalk_runner as runner;
/// # use std::rc::Rc;
/// # use deferred::Failure;
/// # use reactor::Reactor;
/// use protocol::policies::ConnectionCount;
/// use protocol::{factory_fn, wire::Echo};
/// use runner::{Exit, PidFile, Runner};
///
/// fn program(reactor: Reactor) -> Result<Exit, Failure> {
///     let registry = endpoints::Registry::standard(Rc::new(reactor.clone()));
///     let connections = ConnectionCount::new();
///     let factory = connections.counting(factory_fn(|_| Echo));
///     let service = endpoints::service(&registry, "tcp:7777", factory)?;
///     Ok(Runner::new(reactor, Rc::new(service))
///         .pid_file(PidFile::new("/run/echo.pid"))
///         .drain(move || connections.none_left())
///         .run())
/// }
/// ```
///
/// # Differences from Twisted
///
/// The service is the runner's, not a hook's. With privileges to drop, ports that
/// [`privileged_start_service`](Service::privileged_start_service) opens are opened before.
#[must_use = "nothing happens before it is run"]
pub struct Runner<R> {
    reactor: R,
    service: Rc<dyn Service>,
    pid_file: Option<PidFile>,
    kill: bool,
    log: Option<Log>,
    process: ProcessSettings,
    grace: Duration,
    drain: Box<dyn Fn() -> Deferred<()>>,
    on_hangup: Option<Box<dyn Fn()>>,
    when_running: Option<Box<dyn FnOnce()>>,
    reactor_exited: Option<Box<dyn FnOnce()>>,
    notify: Option<Rc<dyn Notify>>,
    signals: Rc<dyn SendSignal>,
    privileges: Rc<dyn PrivilegeCalls>,
}

impl<R: ReactorRun + ReactorTime + Clone + 'static> Runner<R> {
    /// Runs the service and nothing else: no pid file, no log of its own, the privileges as they are, a grace
    /// of 30 s.
    pub fn new(reactor: R, service: Rc<dyn Service>) -> Self {
        Self {
            reactor,
            service,
            pid_file: None,
            kill: false,
            log: None,
            process: ProcessSettings::default(),
            grace: GRACE,
            drain: Box::new(|| Deferred::succeed(())),
            on_hangup: None,
            when_running: None,
            reactor_exited: None,
            notify: None,
            signals: Rc::new(KernelSignals),
            privileges: Rc::new(KernelPrivileges),
        }
    }

    /// Holds this file while it runs, so that no second one does.
    pub fn pid_file(mut self, pid_file: PidFile) -> Self {
        self.pid_file = Some(pid_file);
        self
    }

    /// Does not run, but ends the one that runs, by its pid file.
    pub fn kill(mut self) -> Self {
        self.kill = true;
        self
    }

    /// Logs here what happens in the reactor, and errors that no reader took.
    pub fn log(mut self, log: Log) -> Self {
        self.log = Some(log);
        self
    }

    /// Goes on as this user and group when the ports are open.
    pub fn process(mut self, process: ProcessSettings) -> Self {
        self.process = process;
        self
    }

    /// Gives work in flight this time after a signal.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Waits for this after a signal, beside the stop of the service: such as the
    /// [`none_left`](protocol::policies::ConnectionCount::none_left) of a count of connections. It is called
    /// when the service has begun to stop.
    pub fn drain(mut self, drain: impl Fn() -> Deferred<()> + 'static) -> Self {
        self.drain = Box::new(drain);
        self
    }

    /// Calls this on SIGHUP, in place of its default, which ends the program.
    pub fn on_hangup(mut self, hook: impl Fn() + 'static) -> Self {
        self.on_hangup = Some(Box::new(hook));
        self
    }

    /// Calls this once, when the reactor runs.
    pub fn when_running(mut self, hook: impl FnOnce() + 'static) -> Self {
        self.when_running = Some(Box::new(hook));
        self
    }

    /// Calls this once, when the reactor has stopped.
    pub fn reactor_exited(mut self, hook: impl FnOnce() + 'static) -> Self {
        self.reactor_exited = Some(Box::new(hook));
        self
    }

    /// Tells a supervisor when it is ready and when it stops.
    pub fn notify(mut self, notify: Rc<dyn Notify>) -> Self {
        self.notify = Some(notify);
        self
    }

    /// Sends its signals by other means than the kernel's, for tests.
    pub fn signals(mut self, signals: Rc<dyn SendSignal>) -> Self {
        self.signals = signals;
        self
    }

    /// Changes its privileges by other means than the kernel's, for tests.
    pub fn privileges(mut self, calls: Rc<dyn PrivilegeCalls>) -> Self {
        self.privileges = calls;
        self
    }

    /// Runs: ends another run if that was asked for; holds the pid file; logs; starts the service, and
    /// drops privileges between its privileged start and its start; runs the reactor.
    pub fn run(self) -> Exit {
        if self.kill {
            return kill(self.pid_file.as_ref(), &*self.signals);
        }
        let held = match self.pid_file.as_ref().map(PidFile::hold).transpose() {
            Ok(held) => held,
            Err(error) => return refused(error),
        };
        let logging = self.log.as_ref().map(|log| {
            self.reactor.set_observer(log.observer());
            log.begin()
        });
        let exit = self.run_held();
        drop((logging, held));
        exit
    }

    fn run_held(self) -> Exit {
        let (service, reactor_exited) = (self.service.clone(), self.reactor_exited);
        let name = self.process.name.clone().unwrap_or_else(|| "runner".into());
        let running = Running::new(
            (self.reactor.clone(), service.clone(), self.grace),
            (self.drain, Supervision { notify: self.notify.clone(), log: self.log.clone(), name }),
        );
        if let Err(error) = running.catch_signals(self.on_hangup) {
            let message = format!("Cannot catch signals: {error}");
            return Exit::new(ExitStatus::OSERR).with_message(message);
        }
        if let Err(exit) = start(&*service, &self.process, &*self.privileges) {
            let _stopped = service.stop_service().log_error().add_errback(|_| Ok(()));
            return exit;
        }
        let exit = running.run(self.when_running);
        if let Some(hook) = reactor_exited {
            hook();
        }
        exit
    }
}

/// The end of a program whose pid file cannot be held.
fn refused(error: PidFileError) -> Exit {
    match error {
        PidFileError::AlreadyRunning { .. } => {
            Exit::new(ExitStatus::CONFIG).with_message("Already running.")
        }
        PidFileError::Invalid { .. } => {
            Exit::new(ExitStatus::DATAERR).with_message(format!("Error: {error}"))
        }
        error => {
            let message = format!("Error: {:#}", Failure::new(error));
            Exit::new(ExitStatus::IOERR).with_message(message)
        }
    }
}

fn start(
    service: &dyn Service,
    process: &ProcessSettings,
    privileges: &dyn PrivilegeCalls,
) -> Result<(), Exit> {
    service.privileged_start_service().map_err(|failure| not_started(&failure))?;
    process.drop_privileges(privileges).map_err(|error| {
        let message = format!("Error: {:#}", Failure::new(error));
        Exit::new(ExitStatus::NOPERM).with_message(message)
    })?;
    service.start_service().map_err(|failure| not_started(&failure))
}

fn not_started(failure: &Failure) -> Exit {
    let status = match failure.check::<ListenError>() {
        true => ExitStatus::UNAVAILABLE,
        false => ExitStatus::SOFTWARE,
    };
    Exit::new(status).with_message(format!("Error: {failure:#}"))
}

impl<R> fmt::Debug for Runner<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("pid_file", &self.pid_file)
            .field("kill", &self.kill)
            .field("process", &self.process)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
