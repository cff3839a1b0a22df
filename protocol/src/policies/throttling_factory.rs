//! [`ThrottlingFactory`]: bytes per second, and a number of connections; Twisted's name.
//!
//! Invariant: each connection has its place from the call that builds its protocol until its end, and the
//! bandwidth is looked at exactly while there is one.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;

use interfaces::{Address, Deliver, Factory, ReactorTime};

use super::bandwidth::Bandwidth;
use super::throttle::Throttle;
use crate::layer::{LayerTransport, OpenLayers, WrappingFactory};

/// Limits the bytes per second of all connections of a factory together, in each direction, and the number of
/// connections.
///
/// Once a second the bytes of that second are compared with the limit. If there were more, all connections
/// stop to read, or their producers to write, for as long as the excess would have taken. So a burst of a
/// second passes, and its mean is within the limit. What is written without a producer is counted and not
/// held back.
///
/// # Differences from Twisted
///
/// - A connection that is made while the others are held back, and a producer that is registered then, are held
///   back, too; pull producers are as well.
/// - A pause of the protocol's own outlasts the end of a throttle.
/// - Connections without a producer do not stop the limit on writes for good, and neither do all
///   connections closing while it holds.
pub struct ThrottlingFactory {
    wrapping: WrappingFactory<Throttle>,
    places: Rc<ThrottlePlaces>,
    max_connections: usize,
    refused: Box<dyn Fn(&Address)>,
}

/// The connections of one factory, and the bandwidth that they share.
struct ThrottlePlaces {
    taken: Cell<usize>,
    reads: Option<Rc<Bandwidth>>,
    writes: Option<Rc<Bandwidth>>,
}

/// The limits of a [`ThrottlingFactory`]; one that is `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleLimits {
    /// Bytes per second from all peers; zero counts as one. Twisted's `readLimit`. Default none.
    pub reads: Option<u64>,
    /// Bytes per second to all peers; zero counts as one. Twisted's `writeLimit`. Default none.
    pub writes: Option<u64>,
    /// Connections at a time; those beyond are accepted and closed. Twisted's `maxConnectionCount`. Default
    /// none.
    pub connections: Option<usize>,
}

impl ThrottleLimits {
    /// With another limit on [`reads`](Self::reads).
    #[must_use]
    pub fn with_reads(mut self, bytes_per_second: Option<u64>) -> Self {
        self.reads = bytes_per_second;
        self
    }

    /// With another limit on [`writes`](Self::writes).
    #[must_use]
    pub fn with_writes(mut self, bytes_per_second: Option<u64>) -> Self {
        self.writes = bytes_per_second;
        self
    }

    /// With another limit on [`connections`](Self::connections).
    #[must_use]
    pub fn with_connections(mut self, connections: Option<usize>) -> Self {
        self.connections = connections;
        self
    }
}

impl ThrottlingFactory {
    /// These limits around the protocols of `factory`.
    pub fn new(
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
        limits: ThrottleLimits,
    ) -> Self {
        Self::with_refused(factory, clock, limits, |_| {})
    }

    /// As [`new`](Self::new); `refused` is called with the address of each peer for which there was no place.
    pub fn with_refused(
        factory: Rc<dyn Factory>,
        clock: impl ReactorTime + 'static,
        limits: ThrottleLimits,
        refused: impl Fn(&Address) + 'static,
    ) -> Self {
        let (clock, open): (Rc<dyn ReactorTime>, OpenLayers<Throttle>) =
            (Rc::new(clock), Rc::default());
        let bandwidth = |limit: Option<u64>, throttle: fn(&LayerTransport<Throttle>, bool)| {
            let open = open.clone();
            let throttle = move |on| open.all().iter().for_each(|open| throttle(open, on));
            limit.map(|limit| Bandwidth::new(clock.clone(), limit, throttle))
        };
        let reads = bandwidth(limits.reads, |link, on| link.layer().throttle_reads(link, on));
        let writes = bandwidth(limits.writes, |link, on| link.layer().throttle_writes(on));
        let places = Rc::new(ThrottlePlaces { taken: Cell::new(0), reads, writes });
        let (build, refused) = (places.clone(), Box::new(refused));
        let layer = move |_: &Address| {
            Throttle::new(build.reads.clone(), build.writes.clone(), build.take())
        };
        let wrapping = WrappingFactory::listed_in(open, factory, layer);
        let max_connections = limits.connections.unwrap_or(usize::MAX);
        Self { wrapping, places, max_connections, refused }
    }

    /// The number of connections, those whose protocol is built and not connected yet included.
    #[doc(alias = "connectionCount")]
    pub fn connections(&self) -> usize {
        self.places.taken.get()
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl ThrottlePlaces {
    fn take(self: &Rc<Self>) -> ThrottlePlace {
        let taken = self.taken.get();
        self.taken.set(taken + 1);
        if taken == 0 {
            self.each(Bandwidth::start);
        }
        ThrottlePlace(self.clone())
    }

    fn each(&self, call: fn(&Bandwidth)) {
        [&self.reads, &self.writes].into_iter().flatten().for_each(|bandwidth| call(bandwidth));
    }
}

/// The place of one connection; its drop gives it back.
pub(super) struct ThrottlePlace(Rc<ThrottlePlaces>);

impl Drop for ThrottlePlace {
    fn drop(&mut self) {
        let left = self.0.taken.get() - 1;
        self.0.taken.set(left);
        if left == 0 {
            self.0.each(Bandwidth::stop);
        }
    }
}

impl Factory for ThrottlingFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        if self.connections() >= self.max_connections {
            (self.refused)(peer);
            return None;
        }
        self.wrapping.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.wrapping.wrapped()
    }
}

impl fmt::Debug for ThrottlingFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottlingFactory")
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
