//! [`serve`]: a server as one call.
//!
//! Invariant: every string is parsed before a port is opened.

use std::fmt;
use std::rc::Rc;

use ::endpoints::Registry;
use interfaces::Factory;
use reactor::Reactor;
use runner::{Exit, ExitStatus, Log, LogFormat, LogLevel, LogOutput, Runner};

/// Runs a server: listens on every endpoint with the protocols of one factory until SIGTERM or SIGINT, and
/// returns how the program ends. For `main`; it is a [`Runner`] of the services of the strings, and a program
/// that wants a pid file, other privileges or an end that waits for work in flight has one of its own.
///
/// It logs to standard error, first where it listens, and with the feature `systemd` tells the supervisor that
/// `NOTIFY_SOCKET` names.
///
/// A mistake in a string, and no string, end the program with the status 64, and a port that cannot be
/// opened with 69.
///
/// # Examples
///
/// ```no_run
/// use std::rc::Rc;
/// use ropewalk::prelude::*;
/// use ropewalk::runner::Exit;
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// fn main() -> Result<Exit, std::io::Error> {
///     let endpoints = std::env::args().skip(1);
///     Ok(ropewalk::serve(Reactor::new()?, endpoints, factory_fn(|_peer| Echo)))
/// }
/// ```
pub fn serve<S: AsRef<str>>(
    reactor: Reactor,
    endpoints: impl IntoIterator<Item = S>,
    factory: Rc<dyn Factory>,
) -> Exit {
    let registry = crate::registry(reactor.clone());
    serve_with(reactor, &registry, endpoints, factory)
}

/// As [`serve`], with a registry of its own: for a program that knows more kinds of endpoints, or fewer.
pub fn serve_with<S: AsRef<str>>(
    reactor: Reactor,
    registry: &Registry,
    endpoints: impl IntoIterator<Item = S>,
    factory: Rc<dyn Factory>,
) -> Exit {
    runner(reactor, registry, endpoints, factory).map_or_else(|exit| exit, Runner::run)
}

fn runner<S: AsRef<str>>(
    reactor: Reactor,
    registry: &Registry,
    endpoints: impl IntoIterator<Item = S>,
    factory: Rc<dyn Factory>,
) -> Result<Runner<Reactor>, Exit> {
    let endpoints: Vec<S> = endpoints.into_iter().collect();
    if endpoints.is_empty() {
        let message = "Name an endpoint to listen on, such as tcp:8080.";
        return Err(Exit::new(ExitStatus::USAGE).with_message(message));
    }
    let services = ::endpoints::services(registry, endpoints, factory)
        .map_err(|error| Exit::new(ExitStatus::USAGE).with_message(error.report()))?;
    let log = Log::new(LogLevel::Info, LogFormat::Text, LogOutput::Stderr)
        .map_err(|error| failed("start the log", &error))?;
    notifying(Runner::new(reactor, Rc::new(services)).log(log))
}

#[cfg(feature = "systemd")]
fn notifying(runner: Runner<Reactor>) -> Result<Runner<Reactor>, Exit> {
    match systemd::Notifier::from_environment() {
        Ok(Some(supervisor)) => Ok(runner.notify(Rc::new(supervisor))),
        Ok(None) => Ok(runner),
        Err(error) => Err(failed("tell the supervisor", &error)),
    }
}

#[cfg(not(feature = "systemd"))]
fn notifying(runner: Runner<Reactor>) -> Result<Runner<Reactor>, Exit> {
    Ok(runner)
}

fn failed(attempted: &str, error: &dyn fmt::Display) -> Exit {
    Exit::new(ExitStatus::OSERR).with_message(format!("Error: cannot {attempted}: {error}"))
}
