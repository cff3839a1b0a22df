//! [`ClientService`]: a connection that is always there; Twisted's class of that name.
//!
//! Its life is drawn and lived in `lifetime`. Invariant: there is one attempt or one connection at a time, and a
//! new attempt begins when the connection before it is gone.

mod builder;
mod errors;
mod lifetime;
mod service_factory;
mod waiting;

use alloc::rc::Rc;
use core::fmt;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{Address, Protocol, ReactorTime, StreamClientEndpoint};

pub use builder::ClientServiceBuilder;

use self::lifetime::{Lifetime, Stage};
use crate::ProtocolRef;
use crate::service::Service;

/// Keeps one connection to an endpoint, and makes it again after a growing delay whenever it is lost or
/// could not be made. A handle: a clone is the same service. It runs until it is stopped, also when no
/// handle is left.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::time::Duration;
/// use deferred::Failure;
/// use interfaces::{ReactorTime, StreamClientEndpoint};
/// use protocol::client::{BackoffPolicy, ClientService};
/// use protocol::service::Service;
/// # use std::rc::Rc;
/// # use interfaces::{Protocol, Transport};
/// # struct Client;
/// # impl Client {
/// #     fn log_in(&mut self, _: &Rc<dyn Transport>) -> deferred::Deferred<()> {
/// #         deferred::Deferred::succeed(())
/// #     }
/// # }
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
/// # }
///
/// fn begin(
///     endpoint: impl StreamClientEndpoint + 'static,
///     clock: impl ReactorTime + 'static,
/// ) -> Result<ClientService<Client>, Failure> {
///     let service = ClientService::builder(endpoint, clock, |_peer| Client)
///         .with_backoff(BackoffPolicy::default().with_max_delay(Duration::from_secs(10)))
///         .with_time_limit(Duration::from_secs(5))
///         .with_prepare_connection(|client| client.call(Client::log_in))
///         .build();
///     service.start_service()?;
///     service.when_connected().add_callback(|client| Ok(println!("{client:?}")));
///     Ok(service)
/// }
/// ```
///
/// # Differences from Twisted
///
/// - A connection that [`prepare_connection`](ClientServiceBuilder::with_prepare_connection) rejects is aborted,
///   where Twisted leaves it open; the delay counts from its end.
/// - A connection that is lost while it is prepared is a failure as any other.
/// - A service that is stopped before it was ever started fails those who wait for a connection, as one
///   that is stopped later does.
pub struct ClientService<P: Protocol> {
    life: Rc<Lifetime<P>>,
}

impl<P: Protocol> ClientService<P> {
    /// A service with Twisted's delays, whose protocols `build` makes from the address of the peer.
    pub fn new(
        endpoint: impl StreamClientEndpoint + 'static,
        clock: impl ReactorTime + 'static,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Self {
        Self::builder(endpoint, clock, build).build()
    }

    /// As [`new`](Self::new), to be changed before it is built.
    pub fn builder(
        endpoint: impl StreamClientEndpoint + 'static,
        clock: impl ReactorTime + 'static,
        build: impl Fn(&Address) -> P + 'static,
    ) -> ClientServiceBuilder<P> {
        ClientServiceBuilder::new(endpoint, clock, move |peer| Some(ProtocolRef::new(build(peer))))
    }

    /// The protocol of the connection, now or when there is one that is prepared. It may be asked for
    /// before the service is started.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the service is stopped, at once where it is.
    #[doc(alias = "whenConnected")]
    pub fn when_connected(&self) -> Deferred<ProtocolRef<P>> {
        self.wait(None)
    }

    /// As [`when_connected`](Self::when_connected), but gives up when `failures` attempts have failed from now on.
    /// 0 is as 1. Twisted's `whenConnected(failAfterFailures=…)`.
    ///
    /// # Errors
    ///
    /// As [`when_connected`](Self::when_connected), and the last failure.
    #[doc(alias = "failAfterFailures")]
    pub fn when_connected_within_failures(&self, failures: u32) -> Deferred<ProtocolRef<P>> {
        self.wait(Some(failures.max(1)))
    }

    /// How many attempts and connections have failed in a row.
    pub fn failures(&self) -> u32 {
        self.life.failures.get()
    }

    fn wait(&self, failures: Option<u32>) -> Deferred<ProtocolRef<P>> {
        if let Some(protocol) = self.life.connected() {
            return Deferred::succeed(protocol);
        }
        match self.life.stage() {
            Stage::Stopped => Deferred::fail(Cancelled),
            Stage::Initial
            | Stage::Connecting
            | Stage::Waiting
            | Stage::Rejecting
            | Stage::Connected
            | Stage::Disconnecting
            | Stage::Restarting => self.life.waiting.add(failures),
        }
    }
}

impl<P: Protocol> Service for ClientService<P> {
    fn running(&self) -> bool {
        match self.life.stage() {
            Stage::Initial | Stage::Stopped | Stage::Disconnecting => false,
            Stage::Connecting
            | Stage::Waiting
            | Stage::Rejecting
            | Stage::Connected
            | Stage::Restarting => true,
        }
    }

    /// Begins the first attempt. While a connection is closed that a stop has ended, it begins when that is
    /// lost. Of a service that runs the observer is told.
    fn start_service(&self) -> Result<(), Failure> {
        self.life.start();
        Ok(())
    }

    /// Cancels the attempt or the retry, or closes the connection in order. Fires when there is no
    /// connection any more.
    fn stop_service(&self) -> Deferred<()> {
        self.life.stop()
    }
}

impl<P: Protocol> Clone for ClientService<P> {
    fn clone(&self) -> Self {
        Self { life: self.life.clone() }
    }
}

impl<P: Protocol> fmt::Debug for ClientService<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("stage", &self.life.stage())
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}
