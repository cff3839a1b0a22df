//! The factory of accepted connections; Twisted's `ProxyFactory` of `portforward`.
//!
//! Invariant: each protocol that it builds is one side of a pair of its own.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use interfaces::{Address, Deliver, Factory, ReactorTime, StreamClientEndpoint};

use super::event::{RelayEvent, RelaySide};
use super::options::RelayOptions;
use super::pair::RelayPair;
use super::relay_protocol::RelayProtocol;
use crate::ProtocolRef;
use crate::open_set::OpenSet;
use crate::policies::{ConnectionCount, CountedConnection, Guarded, Silence, SocketGuard};

/// Joins each connection that it is given to a new one to an endpoint.
#[doc(alias = "ProxyFactory")]
#[doc(alias = "portforward")]
pub struct RelayFactory {
    context: RelayContext,
}

/// The endpoint and the options, which all pairs of one relay share.
#[derive(Clone)]
pub(super) struct RelayContext {
    shared: Rc<RelayShared>,
}

struct RelayShared {
    endpoint: Box<dyn StreamClientEndpoint>,
    clock: Rc<dyn ReactorTime>,
    options: RelayOptions,
    count: ConnectionCount,
    open: OpenSet<RelayPair>,
    observer: Box<dyn Fn(&RelayEvent<'_>)>,
}

impl RelayFactory {
    /// Joins connections to new ones to `endpoint`, with the default [`RelayOptions`].
    pub fn new(
        endpoint: impl StreamClientEndpoint + 'static,
        clock: impl ReactorTime + 'static,
    ) -> Self {
        Self::with_observer(endpoint, clock, RelayOptions::default(), |_| {})
    }

    /// As [`new`](Self::new), with options, and an observer that is called with each [`RelayEvent`]: by
    /// the pair, from inside a callback of one of its connections.
    pub fn with_observer(
        endpoint: impl StreamClientEndpoint + 'static,
        clock: impl ReactorTime + 'static,
        options: RelayOptions,
        observer: impl Fn(&RelayEvent<'_>) + 'static,
    ) -> Self {
        let shared = RelayShared {
            endpoint: Box::new(endpoint),
            clock: Rc::new(clock),
            options,
            count: ConnectionCount::new(),
            open: OpenSet::default(),
            observer: Box::new(observer),
        };
        Self { context: RelayContext { shared: Rc::new(shared) } }
    }

    /// The number of pairs. A pair counts until both of its connections are over, and while bytes of an
    /// accepted side that has ended wait for the other one.
    pub fn pairs(&self) -> ConnectionCount {
        self.context.shared.count.clone()
    }

    /// The handle that ends the pairs of a relay that stops.
    pub fn stop_handle(&self) -> RelayStopHandle {
        RelayStopHandle { context: self.context.clone() }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

/// Ends the pairs of a relay that stops; a clone is the same.
#[derive(Clone)]
pub struct RelayStopHandle {
    context: RelayContext,
}

impl RelayStopHandle {
    /// Ends `after` this time the connections whose TLS handshake is not done, and those that have sent
    /// nothing while the outgoing connection is still being made. For a relay that lets its pairs finish:
    /// nothing has been relayed over such a connection.
    pub fn drain(&self, after: Duration) {
        let context = self.context.clone();
        let drain = move || context.open().all().iter().for_each(|pair| pair.drain());
        // It ends with its clock.
        drop(self.context.clock().call_later(after, Box::new(drain)));
    }

    /// Ends every pair now. Each side gets all that was read for it and then its end, which is a reset
    /// where the other side's stream was not complete. Called before the reactor is stopped, which sends
    /// the bytes.
    pub fn stop(&self) {
        self.context.open().all().iter().for_each(|pair| pair.stop());
    }
}

impl fmt::Debug for RelayStopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayStopHandle").finish_non_exhaustive()
    }
}

impl RelayContext {
    pub(super) fn endpoint(&self) -> &dyn StreamClientEndpoint {
        &*self.shared.endpoint
    }

    pub(super) fn clock(&self) -> &Rc<dyn ReactorTime> {
        &self.shared.clock
    }

    /// What watches a pair. It looks as often as a connection that broke unheard has to be found.
    pub(super) fn silence(&self) -> Silence {
        let pause_max = self.options().half_closed.unwrap_or(Duration::MAX);
        Silence::new(self.clock().clone()).with_pause_max(pause_max)
    }

    pub(super) fn options(&self) -> &RelayOptions {
        &self.shared.options
    }

    pub(super) fn count(&self) -> &ConnectionCount {
        &self.shared.count
    }

    pub(super) fn open(&self) -> &OpenSet<RelayPair> {
        &self.shared.open
    }

    pub(super) fn tell(&self, event: &RelayEvent<'_>) {
        (self.shared.observer)(event);
    }
}

impl Factory for RelayFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let pair = RelayPair::new(self.context.clone(), peer.clone());
        let socket = PairSocket { _counted: pair.counted() };
        let protocol = ProtocolRef::new(RelayProtocol::new(pair, RelaySide::Accepted));
        Some(Guarded::around(protocol.into(), socket))
    }
}

/// The socket of an accepted side, which counts as its pair. The end of the pair is its own to tell.
struct PairSocket {
    _counted: Rc<CountedConnection>,
}

impl SocketGuard for PairSocket {}

impl fmt::Debug for RelayFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayFactory")
            .field("options", self.context.options())
            .field("pairs", &self.context.count().connections())
            .finish_non_exhaustive()
    }
}
