//! A cap on the connections of one peer; Twisted's `LimitConnectionsByPeer`.
//!
//! Invariant: a peer is in the table exactly while it has a connection, so the table is as small as the
//! number of connections.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use core::cell::RefCell;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use interfaces::{Address, Deliver, Factory};

use super::guarded::{Guarded, SocketGuard};

/// Refuses the connections of a peer beyond a number. One counts until its socket is closed. A peer is an
/// IPv4 address, or the first 64 bits of an IPv6 address, which is what one site has at the least. Other
/// peers, as those of UNIX sockets, have no address to count them by and are not limited.
///
/// # Differences from Twisted
///
/// - Twisted counts each IPv6 address by itself, and a site has 2⁶⁴ of them.
/// - A refused connection runs no protocol; Twisted's has none either.
pub struct LimitConnectionsByPeer {
    factory: Rc<dyn Factory>,
    table: Rc<dyn PeerPlaces>,
    limit: usize,
    refused: Box<dyn Fn(&Address)>,
}

impl LimitConnectionsByPeer {
    /// At most `limit` connections of `factory` to each peer at a time. Twisted's
    /// `maxConnectionsPerPeer`.
    pub fn new(factory: Rc<dyn Factory>, limit: usize) -> Self {
        Self::with_places(factory, limit, Rc::new(RefCell::new(PeerTable::default())))
    }

    /// As [`new`](Self::new), with places that are kept elsewhere.
    pub fn with_places(factory: Rc<dyn Factory>, limit: usize, places: Rc<dyn PeerPlaces>) -> Self {
        Self { factory, table: places, limit, refused: Box::new(|_| {}) }
    }

    /// Calls `refused` with the address of each peer that is refused.
    #[must_use]
    pub fn on_refused(mut self, refused: impl Fn(&Address) + 'static) -> Self {
        self.refused = Box::new(refused);
        self
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for LimitConnectionsByPeer {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let Some(site) = site(peer) else { return self.factory.build_protocol(peer) };
        if !self.table.take(site, self.limit) {
            (self.refused)(peer);
            return None;
        }
        let place = PeerPlace { table: self.table.clone(), site };
        Some(Guarded::around(self.factory.build_protocol(peer)?, place))
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}

impl fmt::Debug for LimitConnectionsByPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitConnectionsByPeer")
            .field("peers", &self.table.peers())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// What peers of one site have in common.
fn site(peer: &Address) -> Option<IpAddr> {
    Some(match peer.as_socket_addr()?.ip().to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    })
}

/// Where the connections of peers are counted. [`PeerTable`] in a `RefCell` is one, for a single thread;
/// implement it to limit the connections that the factories of several threads have together.
pub trait PeerPlaces {
    /// As [`PeerTable::take`].
    fn take(&self, peer: IpAddr, limit: usize) -> bool;

    /// As [`PeerTable::give_back`].
    fn give_back(&self, peer: IpAddr);

    /// As [`PeerTable::peers`].
    fn peers(&self) -> usize;
}

/// The number of connections of each peer that has one.
#[derive(Debug, Default)]
pub struct PeerTable {
    connections: BTreeMap<IpAddr, usize>,
}

impl PeerTable {
    /// Counts one more connection of a peer that has fewer than `limit`; `false` for any other. The peer is
    /// an IPv4 address, or the first 64 bits of an IPv6 address and zeros.
    pub fn take(&mut self, peer: IpAddr, limit: usize) -> bool {
        let connections = self.connections.get(&peer).copied().unwrap_or(0);
        if connections < limit {
            self.connections.insert(peer, connections + 1);
        }
        connections < limit
    }

    /// A connection that was counted is over.
    pub fn give_back(&mut self, peer: IpAddr) {
        match self.connections.get(&peer).copied() {
            Some(connections) if connections > 1 => self.connections.insert(peer, connections - 1),
            Some(_) | None => self.connections.remove(&peer),
        };
    }

    /// The number of peers that have a connection.
    pub fn peers(&self) -> usize {
        self.connections.len()
    }
}

impl PeerPlaces for RefCell<PeerTable> {
    fn take(&self, peer: IpAddr, limit: usize) -> bool {
        self.borrow_mut().take(peer, limit)
    }

    fn give_back(&self, peer: IpAddr) {
        self.borrow_mut().give_back(peer);
    }

    fn peers(&self) -> usize {
        self.borrow().peers()
    }
}

/// One connection of a peer; its drop gives the place back.
struct PeerPlace {
    table: Rc<dyn PeerPlaces>,
    site: IpAddr,
}

impl SocketGuard for PeerPlace {}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        self.table.give_back(self.site);
    }
}
