//! The running of `serve` and `relay`: listen, announce the ports, run, shut down.
//!
//! Invariant: the signals are caught before the first port opens.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{Factory, ReactorCore as _};
use protocol::policies::ConnectionCount;

use crate::app::App;
use crate::exit_code::Exit;
use crate::listening::{self, Listen};
use crate::loop_check::LoopCheck;
use crate::report;
use crate::shutdown::{Ending, Shutdown};

/// A factory on several endpoints.
pub(crate) struct Server {
    pub(crate) listen: Vec<Listen>,
    pub(crate) factory: Rc<dyn Factory>,
    pub(crate) connections: ConnectionCount,
    pub(crate) grace: Duration,
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
        let end = move |ending| {
            if ending == Ending::Now {
                reactor.disconnect_all();
            }
            // It may be stopping already.
            let _ = reactor.stop();
        };
        let shutdown = Shutdown::new(app.reactor.clone(), self.connections, self.grace, end);
        for signal in [libc::SIGTERM, libc::SIGINT] {
            // The reactor keeps the handler, and the shutdown keeps the reactor.
            let shutdown = Rc::downgrade(&shutdown);
            let take = move || {
                if let Some(shutdown) = shutdown.upgrade() {
                    shutdown.signal();
                }
            };
            let caught = app.reactor.on_signal(signal, take);
            caught.map_err(|error| {
                report::note(format_args!("error: cannot catch signal {signal}: {error}"));
                Exit::Unavailable
            })?;
        }
        Ok(app.run(serve(self.listen, self.factory, self.loop_check, shutdown)))
    }
}

/// Ends only when something is wrong; a shutdown stops the reactor.
async fn serve(
    listen: Vec<Listen>,
    factory: Rc<dyn Factory>,
    loop_check: Option<Rc<LoopCheck>>,
    shutdown: Rc<Shutdown>,
) -> Exit {
    match listening::open(&listen, &factory).await {
        Ok(ports) => {
            listening::announce(&ports);
            shutdown.add_ports(&ports);
            let Some(loop_check) = loop_check else { return std::future::pending().await };
            // It never fails, as `loop_check` keeps its promise.
            let _ = loop_check.watch(&ports).await;
            report::note("error: the relay leads to itself: it connects to what it listens on");
            Exit::Usage
        }
        Err((text, failure)) => {
            report::failed(&text, &failure);
            Exit::Unavailable
        }
    }
}
