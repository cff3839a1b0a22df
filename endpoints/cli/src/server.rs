//! The running of `serve` and `relay`: listen, announce the ports, run, shut down.
//!
//! Invariant: the signals are caught before the first port opens.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{Factory, ReactorCore as _};
use protocol::policies::{ConnectionCount, DrainHandle, ServerShutdown};
use protocol::relay::RelayStopHandle;
use protocol::service::Ending;
use systemd::ListenFds;

use crate::app::App;
use crate::exit_code::Exit;
use crate::inherited::close_unclaimed;
use crate::listening::{self, Listen};
use crate::loop_check::LoopCheck;
use crate::notify::Notify;
use crate::report;
use crate::workers::Worker;

/// How long nothing passes on a connection that is over for a server that stops. A peer that does not take
/// its end has the same time once more.
const SILENCE: Duration = Duration::from_secs(1);

/// Ends the connections of a factory.
pub(crate) enum StopHandle {
    /// Those of `serve`: the silent ones at the signal, and the others with the reactor.
    Serve(DrainHandle),
    /// Those of `relay`, by their pairs.
    Relay(RelayStopHandle),
}

/// A factory on several endpoints.
pub(crate) struct Server {
    pub(crate) listen: Vec<Listen>,
    pub(crate) factory: Rc<dyn Factory>,
    pub(crate) connections: ConnectionCount,
    pub(crate) grace: Duration,
    pub(crate) handle: StopHandle,
    /// Checks the outgoing connections of a factory that makes some.
    pub(crate) loop_check: Option<Rc<LoopCheck>>,
}

impl Server {
    /// Runs until a signal ends it.
    ///
    /// # Errors
    ///
    /// The exit code, when a signal cannot be caught; it was reported.
    pub(crate) fn run(self, app: &App) -> Result<Exit, Exit> {
        let reactor = app.reactor.clone();
        let stop = Rc::new(self.handle);
        let handle = stop.clone();
        let (worker, grace) = (app.worker.clone(), self.grace);
        let end = move |ending| {
            if ending == Ending::GraceOver && worker.tells_grace() {
                report::note(unfinished(worker.connections().connections(), grace));
            }
            match (ending, &*handle) {
                (Ending::Now, _) => reactor.disconnect_all(),
                (Ending::GraceOver, StopHandle::Relay(relay)) => relay.stop(),
                (Ending::GraceOver, StopHandle::Serve(server)) => server.stop(),
                (Ending::Drained, _) => {}
            }
            // It may be stopping already.
            let _ = reactor.stop();
        };
        let connections = self.connections.clone();
        let shutdown = ServerShutdown::new(app.reactor.clone(), self.connections, self.grace, end)
            .on_stop_failed(report::error)
            .into_rc();
        let notify = Notify::new(app);
        app.renew_on_hangup(&notify)?;
        // The reactor keeps the handler, and these keep the reactor.
        let (weak_shutdown, weak_handle) = (Rc::downgrade(&shutdown), Rc::downgrade(&stop));
        let weak_notify = Rc::downgrade(&notify);
        app.worker.on_signals(app, move || {
            if let Some(notify) = weak_notify.upgrade() {
                notify.draining();
            }
            match weak_handle.upgrade().as_deref() {
                Some(StopHandle::Serve(server)) => server.drain(SILENCE),
                Some(StopHandle::Relay(relay)) => relay.drain(SILENCE * 2),
                None => {}
            }
            if let Some(shutdown) = weak_shutdown.upgrade() {
                shutdown.signal();
            }
        })?;
        let worker = app.worker.clone();
        let serving = Serving {
            listen: self.listen,
            factory: self.factory,
            loop_check: self.loop_check,
            connections,
            shutdown: shutdown.clone(),
            notify: notify.clone(),
            inherited: app.inherited.clone(),
            worker,
        };
        let exit = app.run(serving.run());
        drop((shutdown, stop, notify));
        Ok(exit)
    }
}

/// The warning about the connections that the end of the grace ends.
fn unfinished(connections: usize, grace: Duration) -> String {
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
    factory: Rc<dyn Factory>,
    loop_check: Option<Rc<LoopCheck>>,
    connections: ConnectionCount,
    shutdown: Rc<ServerShutdown>,
    notify: Rc<Notify>,
    inherited: ListenFds,
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
        let came_with_one = self.inherited.is_one_connection();
        let ports = match listening::open(&self.listen, &self.factory).await {
            Ok(ports) => ports,
            Err((text, failure)) => {
                report::failed(&text, &failure);
                return Exit::Unavailable;
            }
        };
        let is_for_one =
            came_with_one && !self.inherited.is_one_connection() && self.listen.len() == 1;
        close_unclaimed(&self.inherited, self.worker.is_first());
        self.shutdown.add_ports(&ports);
        let watched = self.loop_check.as_ref().map(|loop_check| loop_check.watch(&ports));
        self.worker.ports_are_open().await;
        if self.worker.is_first() {
            self.notify.ready(&ports);
            listening::announce(&ports);
        }
        if is_for_one {
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
            factory: protocol::factory_fn(|_| Echo),
            connections: ConnectionCount::default(),
            grace: Duration::ZERO,
            handle: StopHandle::Serve(
                TimeoutFactory::new(protocol::factory_fn(|_| Echo), app.reactor.clone())
                    .drain_handle(),
            ),
            loop_check: None,
        };
        assert_eq!(server.run(&app), Ok(Exit::Done));
        drop(app);
        assert_eq!(Rc::strong_count(&of_the_reactor), 1);
    }
}
