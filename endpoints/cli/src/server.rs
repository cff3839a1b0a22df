//! What `serve` and `relay` have in common: listen, tell where, run, end in order.
//!
//! Invariant: a signal is heeded from before the first port opens.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{Factory, ReactorCore as _};

use crate::app::Workshop;
use crate::connection_count::Live;
use crate::exit_code::Exit;
use crate::listening::{self, Listen};
use crate::relay::OwnPorts;
use crate::report;
use crate::shutdown::{Ending, Shutdown};

/// A factory on several endpoints.
pub(crate) struct Server {
    pub(crate) listen: Vec<Listen>,
    pub(crate) factory: Rc<dyn Factory>,
    pub(crate) live: Live,
    pub(crate) grace: Duration,
    /// Where the factory tells what it connects to, if it does.
    pub(crate) own_ports: Option<Rc<OwnPorts>>,
}

impl Server {
    /// Runs until a signal ends it.
    ///
    /// # Errors
    ///
    /// The exit code, when a signal cannot be caught; it was reported.
    pub(crate) fn run(self, workshop: &Workshop) -> Result<Exit, Exit> {
        let reactor = workshop.reactor.clone();
        let end = move |ending| {
            if ending == Ending::Now {
                reactor.disconnect_all();
            }
            // It may be stopping already.
            let _ = reactor.stop();
        };
        let clock = Rc::new(workshop.reactor.clone());
        let shutdown = Shutdown::new(clock, self.live, self.grace, end);
        for signal in [libc::SIGTERM, libc::SIGINT] {
            let shutdown = shutdown.clone();
            let caught = workshop.reactor.on_signal(signal, move || shutdown.signal());
            caught.map_err(|error| {
                report::note(format_args!("error: cannot catch signal {signal}: {error}"));
                Exit::Unavailable
            })?;
        }
        Ok(workshop.run(serve(self.listen, self.factory, self.own_ports, shutdown)))
    }
}

/// Never ends when all goes well: the shutdown ends the reactor.
async fn serve(
    listen: Vec<Listen>,
    factory: Rc<dyn Factory>,
    own_ports: Option<Rc<OwnPorts>>,
    shutdown: Rc<Shutdown>,
) -> Exit {
    match listening::open(&listen, &factory).await {
        Ok(ports) => {
            listening::announce(&ports);
            shutdown.add_ports(&ports);
            let Some(own_ports) = own_ports else { return std::future::pending().await };
            // It never fails: its promise lives as long as the ports are watched.
            let _ = own_ports.watch(&ports).await;
            report::note("error: the relay leads to itself: it connects to what it listens on");
            Exit::Usage
        }
        Err((text, failure)) => {
            report::failed(&text, &failure);
            Exit::Unavailable
        }
    }
}
