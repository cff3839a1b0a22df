//! [`ServerService`]: a port that is open while the service runs; Twisted's `TCPServer`, `UNIXServer`,
//! `UDPServer` and the like of `twisted.application.internet`.
//!
//! Invariant: there is one port at most, and while it closes there is no new one.
//!
//! ```text
//!            start                it listens            stop                  it is closed
//!   Closed ────────▶ Opening ──────────────────▶ Open ────────▶ Stopping ──────────────────▶ Closed
//!      ▲                │  │ stop                                  ▲
//!      └────────────────┘  └───────────────────────────────────────┘
//!          it failed
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use deferred::{CancelHandle, Deferred, Failure, IntoDeferred, Promise};
use interfaces::ListeningPort;

use super::{Service, StillStopping};
use crate::log_failure::log_failure;

/// A port that is open while the service runs: any port, of streams or of datagrams. A clone is the
/// same service.
///
/// For an endpoint there is [`StreamServerEndpointService`](super::StreamServerEndpointService).
///
/// # Differences from Twisted
///
/// A service that has stopped can be started again; Twisted's endpoint services cannot.
#[derive(Clone)]
#[doc(alias = "TCPServer")]
#[doc(alias = "UNIXServer")]
#[doc(alias = "UDPServer")]
pub struct ServerService {
    server: Rc<Server>,
}

struct Server {
    listen: Box<dyn Fn() -> Deferred<Rc<dyn ListeningPort>>>,
    immediate: Cell<Immediate>,
    running: Cell<bool>,
    stage: RefCell<ServerStage>,
}

/// The fate of the error of a port that cannot be opened, when it is known at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Immediate {
    Returned,
    Logged,
}

enum ServerStage {
    Closed,
    Opening(CancelHandle),
    Open(Rc<dyn ListeningPort>),
    Stopping(Vec<Promise<()>>),
}

impl ServerService {
    /// A service that opens its port with `listen`, which is called at each start: by
    /// [`privileged_start_service`](Service::privileged_start_service), or by
    /// [`start_service`](Service::start_service) when that did not come before.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ropewalk_protocol as protocol;
    /// # use std::rc::Rc;
    /// # use interfaces::{DeliverDatagram, ListenUdp, ListeningPort, ReactorUdp};
    /// use deferred::Failure;
    /// use protocol::service::ServerService;
    ///
    /// fn names(reactor: Rc<dyn ReactorUdp>, protocol: Rc<dyn DeliverDatagram>) -> ServerService {
    ///     ServerService::new(move || {
    ///         let options = ListenUdp::new(([0, 0, 0, 0], 53));
    ///         let port: Rc<dyn ListeningPort> = reactor.listen_udp(&options, protocol.clone())?;
    ///         Ok::<_, Failure>(port)
    ///     })
    /// }
    /// ```
    pub fn new<R>(listen: impl Fn() -> R + 'static) -> Self
    where
        R: IntoDeferred<Value = Rc<dyn ListeningPort>, Error = Failure>,
    {
        Self {
            server: Rc::new(Server {
                listen: Box::new(move || listen().into_deferred()),
                immediate: Cell::new(Immediate::Returned),
                running: Cell::new(false),
                stage: RefCell::new(ServerStage::Closed),
            }),
        }
    }

    /// Also tells the unhandled hook of an error that is known at once, and starts without a port, as it
    /// does of an error that comes later. Without this the start returns that error.
    ///
    /// # Differences from Twisted
    ///
    /// There this is the default, and `_raiseSynchronously` the opposite.
    #[must_use]
    pub fn log_listen_errors(self) -> Self {
        self.server.immediate.set(Immediate::Logged);
        self
    }

    /// The port, while it is open.
    pub fn port(&self) -> Option<Rc<dyn ListeningPort>> {
        match &*self.server.stage.borrow() {
            ServerStage::Open(port) => Some(port.clone()),
            ServerStage::Closed | ServerStage::Opening(_) | ServerStage::Stopping(_) => None,
        }
    }
}

impl Service for ServerService {
    fn running(&self) -> bool {
        self.server.running.get()
    }

    fn privileged_start_service(&self) -> Result<(), Failure> {
        let is_closed = matches!(*self.server.stage.borrow(), ServerStage::Closed);
        if is_closed { self.server.open() } else { Ok(()) }
    }

    fn start_service(&self) -> Result<(), Failure> {
        let is_stopping = matches!(*self.server.stage.borrow(), ServerStage::Stopping(_));
        if is_stopping {
            return Err(StillStopping.into());
        }
        if !self.server.running.replace(true) {
            let opened = self.privileged_start_service();
            opened.inspect_err(|_| self.server.running.set(false))?;
        }
        Ok(())
    }

    fn stop_service(&self) -> Deferred<()> {
        self.server.stop()
    }
}

impl Server {
    fn open(self: &Rc<Self>) -> Result<(), Failure> {
        match (self.listen)().try_into_result() {
            Ok(Ok(port)) => {
                self.stage.replace(ServerStage::Open(port));
            }
            Ok(Err(failure)) if self.immediate.get() == Immediate::Returned => return Err(failure),
            Ok(Err(failure)) => log_failure(failure),
            Err(listening) => {
                self.stage.replace(ServerStage::Opening(listening.cancel_handle()));
                let this = self.clone();
                let _heard = listening.add_both(move |result| {
                    this.opened(result);
                    Ok::<_, Failure>(())
                });
            }
        }
        Ok(())
    }

    /// The port that was opened later, or why it was not.
    fn opened(self: &Rc<Self>, result: Result<Rc<dyn ListeningPort>, Failure>) {
        let is_stopping = matches!(*self.stage.borrow(), ServerStage::Stopping(_));
        match (result, is_stopping) {
            (Ok(port), false) => {
                self.stage.replace(ServerStage::Open(port));
            }
            (Ok(port), true) => self.close(&*port),
            (Err(failure), is_stopping) => {
                if !is_stopping {
                    self.stage.replace(ServerStage::Closed);
                }
                log_failure(failure);
                if is_stopping {
                    self.stopped(&Ok(()));
                }
            }
        }
    }

    fn stop(self: &Rc<Self>) -> Deferred<()> {
        let stage = self.stage.replace(ServerStage::Closed);
        if let ServerStage::Closed = stage {
            self.running.set(false);
            return Deferred::succeed(());
        }
        let (stopped, promise) = Deferred::new();
        match stage {
            ServerStage::Closed => {}
            ServerStage::Stopping(mut waiting) => {
                waiting.push(promise);
                self.stage.replace(ServerStage::Stopping(waiting));
            }
            ServerStage::Opening(listening) => {
                self.stage.replace(ServerStage::Stopping(Vec::from([promise])));
                listening.cancel();
            }
            ServerStage::Open(port) => {
                self.stage.replace(ServerStage::Stopping(Vec::from([promise])));
                self.close(&*port);
            }
        }
        stopped
    }

    fn close(self: &Rc<Self>, port: &dyn ListeningPort) {
        let this = self.clone();
        let _heard = port.stop_listening().add_both(move |result| {
            this.stopped(&result);
            Ok::<_, Failure>(())
        });
    }

    fn stopped(&self, result: &Result<(), Failure>) {
        self.running.set(false);
        let stage = self.stage.replace(ServerStage::Closed);
        if let ServerStage::Stopping(waiting) = stage {
            waiting.into_iter().for_each(|promise| promise.fire(result.clone()));
        }
    }
}

impl fmt::Debug for ServerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerService")
            .field("running", &self.server.running.get())
            .field("port", &self.port())
            .finish_non_exhaustive()
    }
}
