//! The reactor and the registry of endpoints that every subcommand works with.
//!
//! Invariant: inherited descriptors are taken over before the reactor opens its first one, and a
//! wrong environment fails only the endpoints that listen on them.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Failure, Unhandled, set_unhandled_hook};
use endpoints::{
    ClientString, Description, KindDescription, ParseError, Parsed, Registry, ServerString,
};
use interfaces::{ReactorCore as _, StreamClientEndpoint, StreamServerEndpoint};
use reactor::{Limits, Member, Reactor};
use ropewalk::tls::UNVERIFIED_LAYER;
use systemd::ListenFds;

use crate::arguments::Limit;
use crate::exit_code::Exit;
use crate::interruptible::{DefaultEffect, InterruptibleClient, InterruptibleServer};
use crate::kinds::{standard, strings, tell_renewal};
use crate::listening::{self, Listen};
use crate::log::Kind;
use crate::notify::Notify;
use crate::probe::{Trace, TracedReactor};
use crate::report::{self, StderrObserver};
use crate::upgrade::{Sockets, UpgradeReactor};
use crate::warnings;
use crate::workers::{STOP_SIGNALS, Worker};

/// The longest time that a string takes.
const NO_LIMIT: Duration = Duration::from_secs(u32::MAX as u64);

/// A reactor and a registry.
pub(crate) struct App {
    pub(crate) reactor: Reactor,
    pub(crate) worker: Worker,
    /// The descriptors that `systemd:` endpoints listen on.
    pub(crate) inherited: ListenFds,
    /// The ports of the only worker, for the next version.
    pub(crate) sockets: Option<Rc<Sockets>>,
    registry: Registry,
    /// Whether a string has TLS, whose certificates and authorities are in files.
    has_certificates: Cell<bool>,
    /// Whether the signals are looked at by the worker's switch.
    is_watching: Cell<bool>,
}

impl Drop for App {
    fn drop(&mut self) {
        report::end_limit();
    }
}

impl App {
    /// With the default limits.
    ///
    /// # Errors
    ///
    /// As [`with_limits`](Self::with_limits).
    pub(crate) fn new(inherited: ListenFds) -> Result<Self, Exit> {
        Self::with_limits(inherited, Limits::default())
    }

    /// Makes the reactor and the registry, and reports errors that no Deferred handled.
    ///
    /// # Errors
    ///
    /// The exit code, when the system has no descriptor for a reactor; it was reported.
    pub(crate) fn with_limits(inherited: ListenFds, limits: Limits) -> Result<Self, Exit> {
        let reactor = Reactor::with_limits(limits).map_err(|error| {
            report::note(format_args!("error: cannot make a reactor: {error}"));
            Exit::Unavailable
        })?;
        let sockets = Rc::<Sockets>::default();
        let shared = UpgradeReactor { reactor: reactor.clone(), sockets: sockets.clone() };
        let shared = Rc::new(shared);
        let worker = Worker::alone();
        let strings = strings().with_shared(worker.configs());
        let registry = strings.register(standard(&shared, &reactor, reactor.clone()), shared);
        let registry = systemd::register(registry, reactor.clone(), inherited.clone());
        let mut app = Self::with(reactor, registry, inherited, worker);
        app.sockets = Some(sockets);
        Ok(app)
    }

    /// The one of a worker, with ports and certificates that it shares with the others.
    pub(crate) fn of_worker(worker: Worker, member: &Member) -> Self {
        let shared = Rc::new(member.clone());
        let registry = standard(&shared, member.reactor(), member.clone());
        let strings = strings().with_shared(worker.configs());
        let registry = strings.register(registry, shared.clone());
        let inherited = worker.take_inherited();
        let registry = systemd::register(registry, shared, inherited.clone());
        Self::with(member.reactor().clone(), registry, inherited, worker)
    }

    fn with(reactor: Reactor, registry: Registry, inherited: ListenFds, worker: Worker) -> Self {
        set_unhandled_hook(|unhandled| {
            // The end of the program drops every promise, so only errors are reported.
            if let Unhandled::Error(error) = unhandled {
                report::repeated(Kind::Unhandled, format_args!("error: {error}"));
            }
        });
        report::limit(reactor.clone(), worker.repetitions());
        reactor.set_observer(Rc::new(StderrObserver { board: worker.board().clone() }));
        let (has_certificates, is_watching) = (Cell::new(false), Cell::new(false));
        let sockets = None;
        Self { reactor, worker, inherited, sockets, registry, has_certificates, is_watching }
    }

    /// The server endpoints that the strings describe: all, or none. From here on signals are for the
    /// caller to handle; the endpoints stay interruptible while they read their files.
    ///
    /// # Errors
    ///
    /// The exit code, when one of them cannot be parsed, or no signal be caught; every mistake was
    /// reported.
    pub(crate) fn listen(&self, strings: &[ServerString]) -> Result<Vec<Listen>, Exit> {
        let mut endpoints = Vec::with_capacity(strings.len());
        let mut exit = None;
        for string in strings {
            match self.listen_in(&self.registry, string) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(mistake) => exit = Some(mistake),
            }
        }
        match exit {
            Some(exit) => Err(exit),
            None => {
                self.watch_signals()?;
                Ok(endpoints)
            }
        }
    }

    /// The server endpoint that the string describes, whose port is the first worker's alone; `None` for the
    /// others.
    ///
    /// # Errors
    ///
    /// The exit code, when the string cannot be parsed; the mistake was reported.
    pub(crate) fn listen_alone(
        &self,
        string: Option<&ServerString>,
    ) -> Result<Option<Listen>, Exit> {
        let Some(string) = string.filter(|_| self.worker.is_first()) else { return Ok(None) };
        if self.worker.member().is_none() {
            return self.listen_in(&self.registry, string).map(Some);
        }
        let own = Rc::new(self.reactor.clone());
        let registry =
            strings().register(standard(&own, &self.reactor, self.reactor.clone()), own.clone());
        let registry = systemd::register(registry, own, self.inherited.clone());
        self.listen_in(&registry, string).map(Some)
    }

    fn listen_in(&self, registry: &Registry, string: &ServerString) -> Result<Listen, Exit> {
        let text = string.as_str();
        let parsed = registry.parse_server(text).map_err(|error| {
            report::mistake(&error);
            Exit::Usage
        })?;
        self.note(text, &parsed.description);
        let is_dual = listening::is_dual(&parsed.description);
        let is_stdio = listening::is_stdio(&parsed.description);
        let (endpoint, effect) = (parsed.endpoint, self.worker.effect().clone());
        let endpoint = Rc::new(InterruptibleServer { endpoint, effect });
        Ok(Listen { text: text.into(), endpoint, is_dual, is_stdio })
    }

    /// Has SIGHUP read the certificates again, for all workers, and tells the service manager. A command that
    /// has neither ends with it, as with its terminal.
    ///
    /// # Errors
    ///
    /// The exit code, when the signal cannot be caught; it was reported.
    pub(crate) fn renew_on_hangup(&self, notify: &Rc<Notify>) -> Result<(), Exit> {
        let is_wanted = self.has_certificates.get() || self.worker.manager().is_there();
        if !is_wanted || !self.worker.is_first() {
            return Ok(());
        }
        let (configs, notify) = (self.worker.configs().clone(), Rc::downgrade(notify));
        let renew = move || {
            let renew = || configs.renew().iter().for_each(tell_renewal);
            match notify.upgrade() {
                Some(notify) => notify.reload(renew),
                None => renew(),
            }
        };
        self.reactor.on_signal(libc::SIGHUP, renew).map_err(|error| {
            report::note(format_args!("error: cannot catch SIGHUP: {error}"));
            Exit::Unavailable
        })
    }

    fn watch_signals(&self) -> Result<(), Exit> {
        match self.worker.member() {
            // The signals are looked at for all workers already.
            Some(_) => Ok(()),
            None if self.is_watching.replace(true) => Ok(()),
            None => watch_signals(self.worker.effect()),
        }
    }

    /// Warns of what the string asks for, and notes whether it has files that SIGHUP is about.
    fn note(&self, text: &str, description: &Description) {
        if has_tls(description) {
            self.has_certificates.set(true);
        }
        if let Some(warning) = warnings::warning(description)
            && self.worker.is_first()
        {
            report::warning(text, &warning);
        }
    }

    /// The client endpoint that the string describes.
    ///
    /// # Errors
    ///
    /// The exit code, when the string cannot be parsed; the mistake was reported.
    pub(crate) fn connect(
        &self,
        string: &ClientString,
    ) -> Result<Rc<dyn StreamClientEndpoint>, Exit> {
        let text = string.as_str();
        self.client(text, self.registry.parse_client(text))
    }

    /// As [`connect`](Self::connect), with this limit for each attempt unless the string has one.
    pub(crate) fn connect_within(
        &self,
        string: &ClientString,
        limit: Limit,
    ) -> Result<Rc<dyn StreamClientEndpoint>, Exit> {
        let text = string.as_str();
        self.client(text, limited_client(&self.registry, text, limit))
    }

    /// The client endpoint that the string describes, and the trace of its look-ups and attempts, each with this
    /// limit unless the string has one.
    ///
    /// # Errors
    ///
    /// The exit code, when the string cannot be parsed; the mistake was reported.
    pub(crate) fn traced_client(
        &self,
        string: &ClientString,
        limit: Limit,
    ) -> Result<(Parsed<dyn StreamClientEndpoint>, Rc<Trace>), Exit> {
        let text = string.as_str();
        let trace = Rc::new(Trace::new(&self.reactor));
        let traced = TracedReactor { reactor: self.reactor.clone(), trace: trace.clone() };
        let traced = Rc::new(traced);
        let registry =
            strings().register(standard(&traced, &self.reactor, self.reactor.clone()), traced);
        let parsed = limited_client(&registry, text, limit).map_err(|error| {
            report::mistake(&error);
            Exit::Usage
        })?;
        self.note(text, &parsed.description);
        Ok((parsed, trace))
    }

    fn client(
        &self,
        text: &str,
        parsed: Result<Parsed<dyn StreamClientEndpoint>, ParseError>,
    ) -> Result<Rc<dyn StreamClientEndpoint>, Exit> {
        let parsed = parsed.map_err(|error| {
            report::mistake(&error);
            Exit::Usage
        })?;
        self.note(text, &parsed.description);
        Ok(Rc::new(InterruptibleClient::new(parsed.endpoint, self.worker.effect().clone())))
    }

    /// What each kind of endpoint takes.
    pub(crate) fn describe_kinds(&self) -> Vec<KindDescription> {
        self.registry.describe_kinds()
    }

    /// A server string's endpoint and description, for `check`.
    ///
    /// # Errors
    ///
    /// [`ParseError`]; nothing was reported.
    pub(crate) fn parse_server(
        &self,
        text: &str,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        self.registry.parse_server(text)
    }

    /// A client string's endpoint and description, for `check`.
    ///
    /// # Errors
    ///
    /// [`ParseError`]; nothing was reported.
    pub(crate) fn parse_client(
        &self,
        text: &str,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        self.registry.parse_client(text)
    }

    /// Runs the reactor until `program` has ended or the reactor was stopped.
    pub(crate) fn run(&self, program: impl Future<Output = Exit> + 'static) -> Exit {
        let exit = Rc::new(Cell::new(Exit::Done));
        let (ended, reactor) = (exit.clone(), self.reactor.clone());
        let program = async move {
            ended.set(program.await);
            // It may be stopping already.
            let _ = reactor.stop();
            Ok::<(), Failure>(())
        };
        let reactor = self.reactor.clone();
        self.reactor.call_when_running(Box::new(move || drop(reactor.spawn(program))));
        match self.reactor.run() {
            Ok(()) => exit.get(),
            Err(error) => {
                report::note(format_args!("error: cannot wait for events: {error}"));
                Exit::Unavailable
            }
        }
    }
}

/// Whether the endpoint, or one behind it, is one of TLS.
fn has_tls(description: &Description) -> bool {
    description.layers.iter().any(|layer| layer == "tls" || layer == UNVERIFIED_LAYER)
        || warnings::inner(description).any(has_tls)
}

/// A client with this limit for each attempt, unless its string has one.
fn limited_client(
    registry: &Registry,
    text: &str,
    limit: Limit,
) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
    let limit = limit.0.unwrap_or(NO_LIMIT).as_millis();
    // Of two arguments of one name the last one counts, which is the string's own. A kind without this
    // argument refuses it, and keeps its own limit.
    let parsed = registry.parse_client(&format!("timeout={limit}ms:{text}"));
    parsed.or_else(|_| registry.parse_client(text))
}

/// Has the signals that stop a server looked at by the switch.
pub(crate) fn watch_signals(effect: &DefaultEffect) -> Result<(), Exit> {
    effect.watch(&STOP_SIGNALS).map_err(|error| {
        report::note(format_args!("error: cannot catch signals: {error}"));
        Exit::Unavailable
    })
}
