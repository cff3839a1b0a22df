//! Two protocols that talk with each other; Twisted's `loopbackAsync`, `iosim.connect`.
//!
//! Invariant: making a pair calls no protocol; the first `pump` tells both that they are connected.

use alloc::rc::Rc;
use core::fmt;

use interfaces::{Deliver, Transport};

use super::Network;
use super::transport::MemoryTransport;

/// A connection in memory with a protocol at each end.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::ProtocolRef;
/// use protocol::testing::{Record, Recorder, memory::Pair};
///
/// let (client, server) = (Record::new(), Record::new());
/// let pair = Pair::new(
///     ProtocolRef::new(Recorder::new(&client)).as_deliver(),
///     ProtocolRef::new(Recorder::new(&server)).as_deliver(),
/// );
/// pair.client().write(b"good bye");
/// pair.client().lose_connection();
/// pair.flush();
/// assert_eq!(server.calls(), ["connection_made", "data_received", "connection_lost"]);
/// assert_eq!(server.received(), b"good bye");
/// ```
pub struct Pair {
    network: Network,
    client: Rc<MemoryTransport>,
    server: Rc<MemoryTransport>,
}

impl Pair {
    /// Joins two protocols over a network of their own.
    pub fn new(client: Rc<dyn Deliver>, server: Rc<dyn Deliver>) -> Self {
        Network::new().join(client, server)
    }

    pub(super) fn of(
        network: Network,
        client: Rc<MemoryTransport>,
        server: Rc<MemoryTransport>,
    ) -> Self {
        Self { network, client, server }
    }

    /// The client's transport.
    pub fn client(&self) -> Rc<dyn Transport> {
        self.client.clone()
    }

    /// The server's transport.
    pub fn server(&self) -> Rc<dyn Transport> {
        self.server.clone()
    }

    /// The network that it is a part of.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// One round: [`Network::pump`].
    pub fn pump(&self) -> bool {
        self.network.pump()
    }

    /// Rounds until all is quiet: [`Network::flush`].
    pub fn flush(&self) {
        self.network.flush();
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("client", &self.client).field("server", &self.server).finish()
    }
}
