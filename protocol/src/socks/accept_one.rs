//! BIND: a port for a single connection; Twisted's `SOCKSv4IncomingFactory`.
//!
//! Invariant: the port is closed by the first connection, by the time limit, or when the client goes away.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::net::SocketAddr;
use core::time::Duration;

use deferred::{Deferred, Failure, Promise};
use interfaces::{Address, ConnectError, DelayedCall, Deliver, Factory, ListenTcp, ListeningPort};

use super::connection::SocksConnection;

/// Listens on a free port of the address that the client is connected to, tells the client of it, and
/// fires when one of the hosts has connected.
///
/// # Errors
///
/// Fails when the port cannot be opened, when another host connects first, or when none does in time.
pub(super) fn accept_one(
    connection: &SocksConnection,
    hosts: Vec<SocketAddr>,
    factory: Rc<dyn Factory>,
) -> Deferred<()> {
    let reactor = &connection.context.reactor;
    let own = connection.transport().and_then(|transport| transport.host().as_socket_addr());
    let ip = own.map_or_else(|| core::net::Ipv4Addr::LOCALHOST.into(), |own| own.ip());
    let gate = Rc::new(Gate::new(hosts, factory));
    let (accepted, promise) = {
        let gate = Rc::downgrade(&gate);
        Deferred::with_canceller(move || {
            if let Some(gate) = gate.upgrade() {
                gate.close();
            }
            None
        })
    };
    gate.promise.set(Some(promise));
    let listening = reactor.listen_tcp(&ListenTcp::new((ip, 0)).with_backlog(1), gate.clone());
    match listening {
        Ok(port) => {
            connection.grant(&port.host());
            gate.port.replace(Some(port));
        }
        Err(error) => gate.fire(Err(error.into())),
    }
    let late = gate.clone();
    let (time, peer) = (connection.context.bind_time, gate.hosts.first().copied());
    let call = reactor.call_later(time, Box::new(move || late.time_out(peer, time)));
    gate.deadline.replace(Some(call));
    accepted
}

/// The factory of the port.
struct Gate {
    hosts: Vec<SocketAddr>,
    factory: Rc<dyn Factory>,
    promise: Cell<Option<Promise<()>>>,
    port: RefCell<Option<Rc<dyn ListeningPort>>>,
    deadline: RefCell<Option<DelayedCall>>,
}

impl Gate {
    fn new(hosts: Vec<SocketAddr>, factory: Rc<dyn Factory>) -> Self {
        let (port, deadline) = (RefCell::default(), RefCell::default());
        Self { hosts, factory, promise: Cell::default(), port, deadline }
    }

    fn close(&self) {
        let (port, deadline) = (self.port.take(), self.deadline.take());
        if let Some(deadline) = deadline {
            // The one that calls this is not pending.
            let _ = deadline.cancel();
        }
        if let Some(port) = port {
            let _stopped = port.stop_listening().add_errback(|_| Ok(()));
        }
    }

    fn fire(&self, result: Result<(), Failure>) {
        self.close();
        if let Some(promise) = self.promise.take() {
            promise.fire(result);
        }
    }

    fn time_out(&self, peer: Option<SocketAddr>, after: Duration) {
        if let Some(peer) = peer {
            let address = Address::from(peer);
            self.fire(Err(ConnectError::TimedOut { address, after }.into()));
        }
    }
}

impl Factory for Gate {
    /// Lets the first connection in, if it is from one of the hosts.
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let promise = self.promise.take()?;
        self.close();
        let ip = peer.as_socket_addr().map(|peer| peer.ip().to_canonical());
        if self.hosts.iter().any(|host| Some(host.ip().to_canonical()) == ip) {
            let protocol = self.factory.build_protocol(peer);
            promise.callback(());
            protocol
        } else {
            promise.errback(ConnectError::NoProtocol { address: peer.clone() });
            None
        }
    }
}
