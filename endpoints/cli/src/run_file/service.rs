//! One service of a file, while it runs and while it drains.
//!
//! ```text
//!  running ── stop_service ──▶ draining ── no connection left, or the grace is over ──▶ over
//!                                  └────── stop_service again ──▶ its connections end ────▲
//! ```
//!
//! Invariant: its ports are not its own, so what is stopped here are connections alone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Failure, Promise};
use interfaces::Factory;
use protocol::policies::{LimitTotalConnectionsFactory, ServerShutdown};
use protocol::service::{Ending, Service};

use super::specification::{ServiceCommand, ServiceSpecification};
use crate::app::App;
use crate::commands::{relay, serve};
use crate::exit_code::Exit;
use crate::listening::Listen;
use crate::loop_check::LoopCheck;
use crate::report;
use crate::served::Served;
use crate::server::{Server, StopHandle, unfinished};

/// A service that was built from its specification.
pub(super) struct FileService {
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) factory: Rc<dyn Factory>,
    pub(super) loop_check: Option<Rc<LoopCheck>>,
    handle: Rc<StopHandle>,
    shutdown: Rc<ServerShutdown>,
    is_running: Cell<bool>,
    over: RefCell<Option<Deferred<()>>>,
}

impl FileService {
    /// Builds it, and its endpoints; nothing is opened. `was_cut` is set when its grace is over too early.
    ///
    /// # Errors
    ///
    /// The exit code; it was reported.
    pub(super) fn build(
        app: &App,
        specification: &ServiceSpecification,
        was_cut: &Rc<Cell<bool>>,
    ) -> Result<(Rc<Self>, Vec<Listen>), Exit> {
        let (server, most) = match &specification.command {
            ServiceCommand::Relay(relay) => {
                (relay::server(app, relay, None)?.0, relay.peers.max_connections)
            }
            ServiceCommand::Serve(serve) => {
                let served = Served::read(serve)?;
                (serve::server(app, serve, &served, None)?, serve.peers.max_connections)
            }
        };
        let Server { listen, factory, connections, stopping, handle, loop_check, .. } = server;
        // The limit inside is that of the descriptors, which all services share.
        let factory = match most {
            0 => factory,
            most => LimitTotalConnectionsFactory::new(factory, most).into_rc(),
        };
        let handle = Rc::new(handle);
        let (over, promise) = Deferred::new();
        let end = ending(&specification.name, &handle, was_cut, promise, {
            let connections = connections.clone();
            move || unfinished(connections.connections(), stopping.grace)
        });
        let shutdown = ServerShutdown::new(app.reactor.clone(), connections, stopping.grace, end)
            .on_stop_failed(report::error)
            .into_rc();
        let service = Self {
            name: specification.name.clone(),
            words: specification.words.clone(),
            factory,
            loop_check,
            handle,
            shutdown,
            is_running: Cell::new(false),
            over: RefCell::new(Some(over)),
        };
        Ok((Rc::new(service), listen))
    }
}

/// What the end of the drain does.
fn ending(
    name: &str,
    handle: &Rc<StopHandle>,
    was_cut: &Rc<Cell<bool>>,
    promise: Promise<()>,
    unfinished: impl Fn() -> String + 'static,
) -> impl Fn(Ending) + 'static {
    let (name, handle, was_cut) = (name.to_owned(), handle.clone(), was_cut.clone());
    let promise = RefCell::new(Some(promise));
    move |ending| {
        match ending {
            Ending::Drained => {}
            Ending::Now => handle.stop(),
            Ending::GraceOver => {
                was_cut.set(true);
                report::note(format_args!("{} ({name})", unfinished()));
                handle.stop();
            }
        }
        let over = promise.take();
        if let Some(over) = over {
            over.callback(());
        }
    }
}

impl Service for FileService {
    fn running(&self) -> bool {
        self.is_running.get()
    }

    fn start_service(&self) -> Result<(), Failure> {
        self.is_running.set(true);
        Ok(())
    }

    /// The second call ends the connections that the first one waits for.
    fn stop_service(&self) -> Deferred<()> {
        self.is_running.set(false);
        self.handle.drain();
        let over = self.over.take();
        self.shutdown.signal();
        over.unwrap_or_else(|| Deferred::succeed(()))
    }
}
