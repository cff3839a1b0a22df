//! [`ServerPort`]: a listening port with the connections that it accepted, which it can drain.
//!
//! ```text
//!            drain                none left, or grace over: closed;  half a second later: aborted
//!  Serving ─────────▶ Draining ──────────────────────────────────────────────────────────────▶ Drained
//! ```
//!
//! Invariant: from the moment of a drain no connection is accepted, and none is touched before its grace is over.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use deferred::{Deferred, Promise};
use interfaces::{
    Address, AlreadyProducing, Factory, ListeningPort, Producer, Query, ReactorTime,
    StreamServerEndpoint, Transport,
};

use super::ConnectionCount;
use super::ServerShutdown;
use super::orderly_close::OrderlyClose;
use crate::layer::{Layer, LayerTransport, WrappingFactory};
use crate::service::Ending;

/// How long a connection that was closed at the end of the grace has for its last bytes.
const LAST_BYTES: Duration = Duration::from_millis(500);

/// A port and its clients, for a server that stops well: it drains.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// use protocol::factory_fn;
/// use protocol::policies::ServerPort;
/// use protocol::testing::{Clock, Record, Recorder, memory::Network};
///
/// let (network, clock) = (Network::new(), Clock::new()); // a server's are its reactor
/// let factory = factory_fn(|_peer| Recorder::new(&Record::new()));
/// let port = ServerPort::listen(&network.server("work"), factory, clock.clone());
/// let port = port.try_into_result().expect("at once").expect("the name is free");
///
/// // At the signal to stop:
/// let drained = port.drain(Duration::from_secs(30));
/// network.flush();
/// let drained = drained.try_into_result().expect("there is no client").expect("it closes");
/// assert_eq!(drained.unfinished, 0);
/// ```
///
/// Connections have the grace to finish; those that have not are closed at its end, and aborted half a
/// second later. A protocol that serves one request after another asks between two of them whether to close:
/// [`Draining`]. Silent connections can be ended before by a
/// [`DrainHandle`](super::DrainHandle).
///
/// # Differences from Twisted
///
/// Twisted's ports do not know their connections, and its `stopListening` leaves them be, as
/// [`stop_listening`](ListeningPort::stop_listening) does here.
pub struct ServerPort {
    port: Rc<dyn ListeningPort>,
    clients: Rc<ServerClients>,
}

/// What came of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainOutcome {
    /// How many connections had not finished at the end of the grace, and were closed.
    pub unfinished: usize,
}

/// Whether the [`ServerPort`] of a connection drains: an answer to
/// [`query`](trait.Transport.html#method.query). A protocol that would wait for another request closes
/// if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining(pub bool);

/// The connections of one port.
struct ServerClients {
    clock: Rc<dyn ReactorTime>,
    count: ConnectionCount,
    wrapping: Rc<WrappingFactory<ServerClient>>,
    is_draining: Rc<Cell<bool>>,
}

/// One of them.
struct ServerClient {
    orderly: OrderlyClose,
    is_draining: Rc<Cell<bool>>,
}

impl ServerPort {
    /// Listens on `endpoint`, and runs the protocols of `factory`.
    ///
    /// # Errors
    ///
    /// Those of [`StreamServerEndpoint::listen`].
    pub fn listen(
        endpoint: &dyn StreamServerEndpoint,
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
    ) -> Deferred<Rc<Self>> {
        let is_draining = Rc::new(Cell::new(false));
        let draining = is_draining.clone();
        let wrapping = WrappingFactory::optional(factory, move |_| {
            let is_draining = draining.clone();
            (!draining.get())
                .then(|| ServerClient { orderly: OrderlyClose::default(), is_draining })
        });
        let (clock, count, wrapping) = (Rc::new(clock), ConnectionCount::new(), Rc::new(wrapping));
        let counted = count.counting(wrapping.clone());
        let clients = Rc::new(ServerClients { clock, count, wrapping, is_draining });
        endpoint.listen(counted).add_callback(move |port| Ok(Rc::new(Self { port, clients })))
    }

    /// The number of connections that are open.
    pub fn connections(&self) -> usize {
        self.clients.count.connections()
    }

    /// Stops to listen, at once, and waits for the connections to end, for as long as `grace`. Those that are
    /// left then are [closed](Self::close_clients), and half a second later [aborted](Self::abort_clients).
    /// Fires when none is left, within `grace` and a second. A second call with a shorter grace counts.
    ///
    /// # Errors
    ///
    /// When none is left, the failure of the factory's `do_stop`.
    pub fn drain(&self, grace: Duration) -> Deferred<DrainOutcome> {
        self.clients.is_draining.set(true);
        let (deferred, promise) = Deferred::new();
        let rest = Cell::new(Some((self.port.stop_listening(), promise)));
        let drain = Rc::new(Drain { clients: self.clients.clone(), rest });
        let (clock, count) = (self.clients.clock.clone(), self.clients.count.clone());
        ServerShutdown::new(clock, count, grace, move |ending| drain.end(ending))
            .into_rc()
            .signal();
        deferred
    }

    /// Closes all connections behind what was written on them, and without waiting for producers; those in a
    /// TLS handshake are aborted.
    pub fn close_clients(&self) {
        self.clients.close();
    }

    /// Aborts all connections.
    pub fn abort_clients(&self) {
        self.clients.abort();
    }
}

impl ServerClients {
    fn close(&self) {
        for client in self.wrapping.connections() {
            client.layer().orderly.close(&*client);
        }
    }

    fn abort(&self) {
        for client in self.wrapping.connections() {
            client.abort_connection();
        }
    }
}

/// One call of [`ServerPort::drain`].
struct Drain {
    clients: Rc<ServerClients>,
    /// The end of the port, and of the drain.
    rest: Cell<Option<(Deferred<()>, Promise<DrainOutcome>)>>,
}

impl Drain {
    fn end(self: &Rc<Self>, ending: Ending) {
        match ending {
            Ending::Drained => self.fire(0),
            Ending::GraceOver | Ending::Now => self.grace_over(),
        }
    }

    fn grace_over(self: &Rc<Self>) {
        let (clients, unfinished) = (self.clients.clone(), self.clients.count.connections());
        clients.close();
        let late = clients.clone();
        let abort = clients.clock.call_later(LAST_BYTES, Box::new(move || late.abort()));
        let this = self.clone();
        // It is not cancelled, so it cannot fail.
        let _drained = clients.count.none_left().add_callback(move |()| {
            // It may have run.
            let _ = abort.cancel();
            this.fire(unfinished);
            Ok(())
        });
    }

    /// No connection is left; the port may still be closing.
    fn fire(&self, unfinished: usize) {
        if let Some((stopped, promise)) = self.rest.take() {
            stopped.add_callback(move |()| Ok(DrainOutcome { unfinished })).chain_deferred(promise);
        }
    }
}

impl Layer for ServerClient {
    fn register_producer(
        &self,
        below: &dyn Transport,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        self.orderly.register_producer(below, producer)
    }

    fn unregister_producer(&self, below: &dyn Transport) {
        self.orderly.unregister_producer(below);
    }

    fn answer(&self, _: &LayerTransport<Self>, query: &mut Query<'_>) {
        query.answer_with(|| Draining(self.is_draining.get()));
    }
}

impl ListeningPort for ServerPort {
    fn host(&self) -> Address {
        self.port.host()
    }

    fn stop_listening(&self) -> Deferred<()> {
        self.port.stop_listening()
    }

    fn raw_descriptor(&self) -> Option<i32> {
        self.port.raw_descriptor()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.port.describe(f)
    }
}

impl fmt::Debug for ServerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerPort")
            .field("port", &self.port)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
