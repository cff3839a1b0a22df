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
use super::guard::Caller;
use super::network::{Network, Shared};

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
        let shared = &self.network.shared;
        if shared.ports.borrow().contains_key(&self.name) {
            let address = address(&self.name);
            let source = errno::EADDRINUSE;
            return Deferred::fail(ListenError::Refused { address, source, hint: "" });
        }
        let port = Rc::new(Port {
            name: self.name.clone(),
            factory: factory.clone(),
            network: Rc::downgrade(shared),
            listening: Cell::new(Listening::Open),
            waiting: RefCell::default(),
        });
        shared.ports.borrow_mut().insert(self.name.clone(), port.clone());
        let caller = &shared.caller;
        // A hook that panics keeps nobody from connecting, as with a reactor.
        let _ = caller.call("factory", None, &mut || factory.do_start());
        caller.observe(&ReactorEvent::ListeningStarted { address: &port.host() });
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
    /// Fails with [`ConnectError::Refused`] when nobody listens on the name.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let shared = &self.network.shared;
        let _ = shared.caller.call("factory", None, &mut || factory.do_start());
        let attempt =
            Rc::new(Attempt { name: self.name.clone(), factory, promise: Cell::new(None) });
        let (network, weak) = (Rc::downgrade(shared), Rc::downgrade(&attempt));
        let (deferred, promise) = Deferred::with_canceller(move || {
            give_up(&network, &weak);
            None
        });
        attempt.promise.set(Some(promise));
        shared.attempts.borrow_mut().push_back(attempt);
        deferred
    }
}

/// Takes an attempt back. One that has been made already is closed by its connection, which finds
/// that nobody waits for it.
fn give_up(shared: &Weak<Shared>, attempt: &Weak<Attempt>) {
    let Some((shared, attempt)) = shared.upgrade().zip(attempt.upgrade()) else { return };
    let place = shared.attempts.borrow().iter().position(|queued| Rc::ptr_eq(queued, &attempt));
    if let Some(place) = place {
        let queued = shared.attempts.borrow_mut().remove(place);
        attempt.finish(&shared.caller);
        drop(queued);
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
        let port = network.shared.ports.borrow().get(&self.name).cloned();
        match port {
            Some(port) => self.join(network, &port, promise),
            None => promise.errback(ConnectError::Refused {
                address: address(&self.name),
                source: errno::ECONNREFUSED,
            }),
        }
        self.finish(&network.shared.caller);
    }

    fn join(&self, network: &Network, port: &Port, promise: Promise<()>) {
        let server = address(&self.name);
        let client = address(&format!("{}#{}", self.name, network.next_serial()));
        let (client_side, server_side) = network.wire(client.clone(), server.clone()).connect();
        let caller = &network.shared.caller;
        match build(caller, &port.factory, &client) {
            Some(protocol) => {
                network.add(Connection::new(server_side, protocol, Opening::Silent));
            }
            None => server_side.end(Reason::Done),
        }
        match build(caller, &self.factory, &server) {
            Some(protocol) => {
                network.add(Connection::new(client_side, protocol, Opening::Awaited(promise)));
            }
            None => {
                client_side.end(Reason::Done);
                promise.errback(ConnectError::NoProtocol { address: server });
            }
        }
    }

    fn finish(&self, caller: &Caller) {
        // Whether the attempt succeeded is told already; nobody waits for this.
        let _ = caller.call("factory", None, &mut || drop(self.factory.do_stop()));
    }
}

/// A factory that panics builds nothing.
fn build(caller: &Caller, factory: &Rc<dyn Factory>, peer: &Address) -> Option<Rc<dyn Deliver>> {
    let built = Cell::new(None);
    let _ = caller.call("factory", Some(peer), &mut || built.set(factory.build_protocol(peer)));
    built.into_inner()
}

/// Something that listens on a name.
pub(super) struct Port {
    name: Rc<str>,
    factory: Rc<dyn Factory>,
    network: Weak<Shared>,
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
    pub(super) fn finish(&self, caller: &Caller) {
        let stopped = Cell::new(Ok(()));
        let caught = caller.call("factory", None, &mut || stopped.set(self.factory.do_stop()));
        let result = match caught {
            Ok(()) => stopped.into_inner(),
            Err(message) => Err(Failure::new(StopPanicked(String::from(&*message)))),
        };
        self.listening.set(Listening::Stopped);
        caller.observe(&ReactorEvent::ListeningStopped { address: &self.host() });
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
                    let port = network.ports.borrow_mut().remove(&self.name);
                    network.stopped.borrow_mut().extend(port);
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
