//! Listening and connecting in memory, by name.
//!
//! Invariant: a factory is called from `pump` only, but for `do_start`, which `listen` and
//! `connect` call.

use alloc::format;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, Deliver, Factory, ListenError, ListeningPort, ReactorEvent, Reason,
    StreamClientEndpoint, StreamServerEndpoint,
};

use super::connection::{Connection, Opening};
use super::errno;
use super::guard::Guard;
use super::network::Network;
use super::tables::Tables;

/// Listens on a name of a [`Network`].
#[derive(Clone, Debug)]
pub struct ServerEndpoint {
    network: Network,
    name: Rc<str>,
}

impl ServerEndpoint {
    pub(super) fn new(network: &Network, name: &str) -> Self {
        Self { network: network.clone(), name: name.into() }
    }
}

impl StreamServerEndpoint for ServerEndpoint {
    /// Fires at once, and fails with [`ListenError::Refused`] when the name is in use.
    fn listen(&self, factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        let tables = &self.network.tables;
        if tables.port(&self.name).is_some() {
            let address = address(&self.name);
            let source = errno::EADDRINUSE;
            return Deferred::fail(ListenError::Refused { address, source, hint: "".into() });
        }
        let port = Rc::new(Port {
            name: self.name.clone(),
            factory: factory.clone(),
            network: Rc::downgrade(tables),
            listening: Cell::new(Listening::Open),
            waiting: RefCell::default(),
        });
        tables.add_port(self.name.clone(), port.clone());
        let guard = &tables.guard;
        // A hook that panics keeps no client from connecting, as with a reactor.
        let _ = guard.call("factory", None, &mut || factory.do_start());
        guard.observe(&ReactorEvent::ListeningStarted { address: &port.host() });
        Deferred::succeed(port)
    }
}

/// Connects to a name of a [`Network`]. The connection is made in the next round.
#[derive(Clone, Debug)]
pub struct ClientEndpoint {
    network: Network,
    name: Rc<str>,
}

impl ClientEndpoint {
    pub(super) fn new(network: &Network, name: &str) -> Self {
        Self { network: network.clone(), name: name.into() }
    }
}

impl StreamClientEndpoint for ClientEndpoint {
    /// Fails with [`ConnectError::Refused`] when nothing listens on the name.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let tables = &self.network.tables;
        let _ = tables.guard.call("factory", None, &mut || factory.do_start());
        let attempt =
            Rc::new(Attempt { name: self.name.clone(), factory, promise: Cell::new(None) });
        let (network, weak) = (Rc::downgrade(tables), Rc::downgrade(&attempt));
        let (deferred, promise) = Deferred::with_canceller(move || {
            give_up(&network, &weak);
            None
        });
        attempt.promise.set(Some(promise));
        tables.add_attempt(attempt);
        deferred
    }
}

/// Takes an attempt back. One that has been made already is closed by its connection, which finds its
/// promise cancelled.
fn give_up(tables: &Weak<Tables>, attempt: &Weak<Attempt>) {
    let Some((tables, attempt)) = tables.upgrade().zip(attempt.upgrade()) else { return };
    let queued = tables.remove_attempt(&attempt);
    if let Some(queued) = queued {
        queued.finish(&tables.guard);
    }
}

/// A connection that is to be made.
pub(super) struct Attempt {
    name: Rc<str>,
    factory: Rc<dyn Factory>,
    promise: Cell<Option<Promise<()>>>,
}

impl Attempt {
    pub(super) fn make(&self, network: &Network) {
        let Some(promise) = self.promise.take() else { return };
        let port = network.tables.port(&self.name);
        match port {
            Some(port) => self.join(network, &port, promise),
            None => promise.errback(ConnectError::Refused {
                address: address(&self.name),
                source: errno::ECONNREFUSED,
            }),
        }
        self.finish(&network.tables.guard);
    }

    fn join(&self, network: &Network, port: &Port, promise: Promise<()>) {
        let server = address(&self.name);
        let client = address(&format!("{}#{}", self.name, network.tables.next_serial()));
        let (client_side, server_side) =
            network.tables.wire(client.clone(), server.clone()).connect();
        let guard = &network.tables.guard;
        match build(guard, &port.factory, &client) {
            Some(protocol) => {
                network.tables.add_connection(Connection::new(
                    server_side,
                    protocol,
                    Opening::Silent,
                ));
            }
            None => server_side.end(Reason::Done),
        }
        match build(guard, &self.factory, &server) {
            Some(protocol) => {
                network.tables.add_connection(Connection::new(
                    client_side,
                    protocol,
                    Opening::Awaited(promise),
                ));
            }
            None => {
                client_side.end(Reason::Done);
                promise.errback(ConnectError::NoProtocol { address: server });
            }
        }
    }

    fn finish(&self, guard: &Guard) {
        // Whether the attempt succeeded is told already; nothing waits for this.
        let _ = guard.call("factory", None, &mut || drop(self.factory.do_stop()));
    }
}

/// A factory that panics builds nothing.
fn build(guard: &Guard, factory: &Rc<dyn Factory>, peer: &Address) -> Option<Rc<dyn Deliver>> {
    let built = Cell::new(None);
    let _ = guard.call("factory", Some(peer), &mut || built.set(factory.build_protocol(peer)));
    built.into_inner()
}

/// Something that listens on a name.
pub(super) struct Port {
    name: Rc<str>,
    factory: Rc<dyn Factory>,
    network: Weak<Tables>,
    listening: Cell<Listening>,
    waiting: RefCell<Vec<Promise<()>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listening {
    Open,
    Stopping,
    Stopped,
}

impl Port {
    /// Tells the factory, then those who wait.
    pub(super) fn finish(&self, guard: &Guard) {
        let stopped = Cell::new(Ok(()));
        let caught = guard.call("factory", None, &mut || stopped.set(self.factory.do_stop()));
        let result = match caught {
            Ok(()) => stopped.into_inner(),
            Err(message) => Err(Failure::new(StopPanicked(String::from(&*message)))),
        };
        self.listening.set(Listening::Stopped);
        guard.observe(&ReactorEvent::ListeningStopped { address: &self.host() });
        let waiting = self.waiting.take();
        for promise in waiting {
            promise.fire(result.clone());
        }
    }
}

impl ListeningPort for Port {
    fn host(&self) -> Address {
        address(&self.name)
    }

    fn stop_listening(&self) -> Deferred<()> {
        let network = self.network.upgrade();
        match (self.listening.get(), network) {
            (Listening::Open | Listening::Stopping, Some(network)) => {
                let (deferred, promise) = Deferred::new();
                self.waiting.borrow_mut().push(promise);
                if self.listening.replace(Listening::Stopping) == Listening::Open {
                    network.stop_port(&self.name);
                }
                deferred
            }
            (Listening::Stopped, _) | (_, None) => Deferred::succeed(()),
        }
    }
}

/// The factory's stop hook panicked, and panics are caught.
#[derive(Debug)]
struct StopPanicked(String);

impl fmt::Display for StopPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the factory panicked while it was stopped: {}", self.0)
    }
}

impl core::error::Error for StopPanicked {}

fn address(name: &str) -> Address {
    Address::Other(format!("memory:{name}").into())
}
