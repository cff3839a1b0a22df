//! The running of `serve` and `relay`: listen, announce the ports, run, shut down.
//!
//! Invariant: the signals are caught before the first port opens.

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::Deferred;
use interfaces::{Factory, ReactorCore as _};
use protocol::policies::{ConnectionCount, DrainHandle, RateLimitFactory, ServerShutdown};
use protocol::relay::RelayStopHandle;
use protocol::service::Ending;
use systemd::ListenFds;

use crate::app::App;
use crate::arguments::Stopping;
use crate::exit_code::Exit;
use crate::idle_exit::IdleWatch;
use crate::inherited::close_unclaimed;
use crate::leaving::Leaving;
use crate::listening::{self, Listen};
use crate::loop_check::LoopCheck;
use crate::notify::Notify;
use crate::only_connection;
use crate::report;
use crate::status;
use crate::upgrade::Upgrade;
use crate::workers::Worker;

/// How long nothing passes on a connection that is over for a server that stops. A peer that does not take
/// its end has the same time once more.
const SILENCE: Duration = Duration::from_secs(1);

/// Ends the connections of a factory.
pub(crate) struct StopHandle {
    kind: StopKind,
    rate: Option<RateLimitFactory>,
}

enum StopKind {
    /// The connections of `serve`: the silent ones at the signal, and the others with the reactor.
    Serve(DrainHandle),
    /// Those of `relay`, by their pairs.
    Relay(RelayStopHandle),
}

impl StopHandle {
    pub(crate) fn serve(server: DrainHandle) -> Self {
        Self { kind: StopKind::Serve(server), rate: None }
    }

    pub(crate) fn relay(relay: RelayStopHandle) -> Self {
        Self { kind: StopKind::Relay(relay), rate: None }
    }

    /// Lifts this rate first: what it holds back is not silent.
    pub(crate) fn with_rate(self, rate: Option<RateLimitFactory>) -> Self {
        Self { rate, ..self }
    }

    /// Ends the connections that have nothing to finish.
    pub(crate) fn drain(&self) {
        self.rate.iter().for_each(RateLimitFactory::lift);
        match &self.kind {
            StopKind::Serve(server) => server.drain(SILENCE),
            StopKind::Relay(relay) => relay.drain(SILENCE * 2),
        }
    }

    /// Ends every connection now.
    pub(crate) fn stop(&self) {
        match &self.kind {
            StopKind::Serve(server) => server.stop(),
            StopKind::Relay(relay) => relay.stop(),
        }
    }
}

/// A factory on several endpoints.
pub(crate) struct Server {
    pub(crate) listen: Vec<Listen>,
    /// Where the status is asked for.
    pub(crate) status: Option<Listen>,
    pub(crate) factory: Rc<dyn Factory>,
    pub(crate) connections: ConnectionCount,
    pub(crate) stopping: Stopping,
    pub(crate) handle: StopHandle,
    /// Checks the outgoing connections of a factory that makes some.
    pub(crate) loop_check: Option<Rc<LoopCheck>>,
    /// The version before, and the next one.
    pub(crate) upgrade: Option<Upgrade>,
}

impl Server {
    /// Runs until a signal ends it.
    ///
    /// # Errors
    ///
    /// The exit code, when a signal cannot be caught; it was reported.
    pub(crate) fn run(self, app: &App) -> Result<Exit, Exit> {
        let stopping = self.stopping;
        let connections = self.connections.clone();
        let handle = Rc::new(self.handle);
        let was_cut = Rc::new(Cell::new(false));
        let end = ending(app, stopping.grace, &handle, &was_cut);
        let shutdown =
            ServerShutdown::new(app.reactor.clone(), self.connections, stopping.grace, end)
                .on_stop_failed(report::error)
                .into_rc();
        let notify = Notify::new(app);
        let leaving = Leaving::new(app, stopping.drain_delay, &shutdown, &handle, &notify);
        app.renew_on_hangup(&notify)?;
        // The reactor keeps the handler, and these keep the reactor.
        let weak = Rc::downgrade(&leaving);
        app.worker
            .on_signals(app, move || weak.upgrade().into_iter().for_each(|it| it.signal()))?;
        if app.worker.is_first() {
            tell_statistics(app)?;
        }
        let limit = stopping.exit_idle.0.filter(|_| app.worker.is_first());
        let idle_watch = limit.map(|limit| IdleWatch::begin(app, limit));
        let serving = Serving {
            listen: self.listen,
            status: self.status,
            status_factory: status::factory(app.worker.board(), &app.reactor),
            factory: self.factory,
            loop_check: self.loop_check,
            connections,
            shutdown: shutdown.clone(),
            notify: notify.clone(),
            inherited: app.inherited.clone(),
            upgrade: self.upgrade,
            leaving: Rc::downgrade(&leaving),
            worker: app.worker.clone(),
        };
        let exit = app.run(serving.run());
        drop((shutdown, handle, notify, leaving, idle_watch));
        Ok(if exit == Exit::Done && was_cut.get() { Exit::Cut } else { exit })
    }
}

/// Has SIGUSR1 tell what the command has done.
fn tell_statistics(app: &App) -> Result<(), Exit> {
    let board = app.worker.board().clone();
    let tell = move || report::note(format_args!("statistics: {board}"));
    app.reactor.on_signal(libc::SIGUSR1, tell).map_err(|error| {
        report::note(format_args!("error: cannot catch SIGUSR1: {error}"));
        Exit::Unavailable
    })
}

/// Ends the connections that are left when the shutdown is over, and stops the reactor.
fn ending(
    app: &App,
    grace: Duration,
    handle: &Rc<StopHandle>,
    was_cut: &Rc<Cell<bool>>,
) -> impl Fn(Ending) + 'static {
    let (reactor, worker) = (app.reactor.clone(), app.worker.clone());
    let (handle, was_cut) = (handle.clone(), was_cut.clone());
    move |ending| {
        match ending {
            Ending::Drained => {}
            Ending::Now => reactor.disconnect_all(),
            Ending::GraceOver => {
                was_cut.set(true);
                if worker.tells_grace() {
                    report::note(unfinished(worker.connections().connections(), grace));
                }
                handle.stop();
            }
        }
        // It may be stopping already.
        let _ = reactor.stop();
    }
}

/// The warning about the connections that the end of the grace ends.
pub(crate) fn unfinished(connections: usize, grace: Duration) -> String {
    let were =
        if connections == 1 { "1 connection" } else { &format!("{connections} connections") };
    if grace.is_zero() {
        return format!("warning: ended {were} without a time to finish, see --grace");
    }
    format!("warning: ended {were} that did not finish in {grace:?}, see --grace")
}

/// What a server needs while it runs.
struct Serving {
    listen: Vec<Listen>,
    status: Option<Listen>,
    status_factory: Rc<dyn Factory>,
    factory: Rc<dyn Factory>,
    loop_check: Option<Rc<LoopCheck>>,
    connections: ConnectionCount,
    shutdown: Rc<ServerShutdown>,
    notify: Rc<Notify>,
    inherited: ListenFds,
    upgrade: Option<Upgrade>,
    leaving: Weak<Leaving>,
    worker: Worker,
}

impl Serving {
    /// Ends only when something is wrong, or with the one connection that the process was started for; a
    /// shutdown stops the reactor.
    async fn run(self) -> Exit {
        if self.worker.is_ending() {
            // The signal waits for this worker, too.
            return std::future::pending().await;
        }
        if let Some(upgrade) = &self.upgrade
            && let Err(exit) = upgrade.begin().await
        {
            return exit;
        }
        // First, and until the reactor stops: it tells what the others wait for.
        let status = match listening::open(self.status.as_slice(), &self.status_factory).await {
            Ok(ports) => ports,
            Err((text, failure)) => {
                report::failed(&text, &failure);
                return Exit::of(&failure);
            }
        };
        let came_with_one = self.inherited.is_one_connection();
        let is_stdio = self.listen.iter().all(|listen| listen.is_stdio);
        let (factory, ended) = match came_with_one || is_stdio {
            true => only_connection::watched(&self.factory),
            false => (self.factory.clone(), Deferred::succeed(())),
        };
        let ports = match listening::open(&self.listen, &factory).await {
            Ok(ports) => ports,
            Err((text, failure)) => {
                report::failed(&text, &failure);
                return Exit::of(&failure);
            }
        };
        drop(factory);
        let is_its_one = came_with_one && !self.inherited.is_one_connection();
        let is_for_one = self.listen.len() == 1 && (is_its_one || is_stdio);
        close_unclaimed(&self.inherited, self.worker.is_first());
        self.shutdown.add_ports(&ports);
        let watched = self.loop_check.as_ref().map(|loop_check| loop_check.watch(&ports));
        self.worker.ports_are_open().await;
        if self.worker.is_first() {
            self.worker.board().readiness.set_listening();
            self.notify.ready(&ports);
            listening::announce(&ports, &status);
        }
        if let Some(upgrade) = &self.upgrade {
            let leaving = self.leaving.clone();
            let leave = move || leaving.upgrade().into_iter().for_each(|leaving| leaving.signal());
            upgrade.complete(leave).await;
        }
        if is_for_one {
            if self.connections.connections() == 0 {
                // Over, or without a protocol until its first bytes suffice.
                let _ = ended.await;
            }
            // It never fails, as it is not cancelled.
            let _ = self.connections.none_left().await;
            return Exit::Done;
        }
        let Some(watched) = watched else { return std::future::pending().await };
        // It never fails, as the check keeps its promise.
        let _ = watched.await;
        if self.worker.tells_loop() {
            report::note("error: the relay leads to itself: it connects to what it listens on");
        }
        Exit::Usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Limit;
    use protocol::policies::TimeoutFactory;
    use protocol::wire::Echo;

    #[test]
    fn a_server_that_has_ended_keeps_no_reactor_alive() {
        let app = App::new(ListenFds::default()).expect("a reactor");
        let of_the_reactor = Rc::new(());
        let kept = of_the_reactor.clone();
        app.reactor
            .on_signal(libc::SIGUSR2, move || assert!(Rc::strong_count(&kept) > 1))
            .expect("it can be caught");
        let stopper = app.reactor.clone();
        app.reactor.call_when_running(Box::new(move || stopper.stop().expect("it runs")));
        let server = Server {
            listen: Vec::new(),
            status: None,
            factory: protocol::factory_fn(|_| Echo),
            connections: ConnectionCount::default(),
            stopping: Stopping {
                grace: Duration::ZERO,
                drain_delay: Duration::ZERO,
                exit_idle: Limit(None),
            },
            handle: StopHandle::serve(
                TimeoutFactory::new(protocol::factory_fn(|_| Echo), app.reactor.clone())
                    .drain_handle(),
            ),
            loop_check: None,
            upgrade: None,
        };
        assert_eq!(server.run(&app), Ok(Exit::Done));
        drop(app);
        assert_eq!(Rc::strong_count(&of_the_reactor), 1);
    }
}
