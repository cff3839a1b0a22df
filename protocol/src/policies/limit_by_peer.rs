//! A cap on the connections of one peer; Twisted's `LimitConnectionsByPeer`.
//!
//! Invariant: a peer is in the table exactly while it has a connection, so the table is as small as the
//! number of connections.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use core::cell::RefCell;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use deferred::Failure;
use interfaces::{Address, Deliver, Factory};

use super::guarded::{Guard, Guarded};

/// Refuses the connections of a peer beyond a number. One counts until its socket is closed. A peer is an IPv4 address, or the first 64 bits
/// of an IPv6 address, which is what one site has at the least. Other peers, as those of UNIX sockets,
/// have no address to count them by and are not limited.
///
/// # Differences from Twisted
///
/// - Twisted counts each IPv6 address by itself, and a site has 2⁶⁴ of them.
/// - A refused connection runs no protocol; Twisted's has none either.
pub struct LimitConnectionsByPeer {
    factory: Rc<dyn Factory>,
    table: Rc<PeerTable>,
    limit: usize,
    refused: Box<dyn Fn(&Address)>,
}

impl LimitConnectionsByPeer {
    /// At most `limit` connections of `factory` to each peer at a time. Twisted's
    /// `maxConnectionsPerPeer`.
    pub fn new(factory: Rc<dyn Factory>, limit: usize) -> Self {
        Self { factory, table: Rc::default(), limit, refused: Box::new(|_| {}) }
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
        if self.table.connections(site) >= self.limit {
            (self.refused)(peer);
            return None;
        }
        let place = PeerPlace::take(&self.table, site);
        Some(Guarded::around(self.factory.build_protocol(peer)?, place))
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.factory.log_prefix()
    }

    fn do_start(&self) {
        self.factory.do_start();
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.factory.do_stop()
    }
}

impl fmt::Debug for LimitConnectionsByPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitConnectionsByPeer")
            .field("peers", &self.table.connections.borrow().len())
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

/// The number of connections of each peer that has one.
#[derive(Default)]
struct PeerTable {
    connections: RefCell<BTreeMap<IpAddr, usize>>,
}

impl PeerTable {
    fn connections(&self, site: IpAddr) -> usize {
        self.connections.borrow().get(&site).copied().unwrap_or(0)
    }
}

/// One connection of a peer; its drop gives the place back.
struct PeerPlace {
    table: Rc<PeerTable>,
    site: IpAddr,
}

impl PeerPlace {
    fn take(table: &Rc<PeerTable>, site: IpAddr) -> Self {
        *table.connections.borrow_mut().entry(site).or_default() += 1;
        Self { table: table.clone(), site }
    }
}

impl Guard for PeerPlace {}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let left = self.table.connections(self.site).saturating_sub(1);
        let mut connections = self.table.connections.borrow_mut();
        if left == 0 {
            connections.remove(&self.site);
        } else {
            connections.insert(self.site, left);
        }
    }
}
