//! [`RedisFactory`]: the server.
//!
//! Invariant: all connections of one factory have one database, which lives as long as it and they do.

use alloc::rc::Rc;
use core::cell::RefCell;
use core::fmt;

use interfaces::{Factory, ReactorTime};

use super::client::RedisClient;
use super::database::Database;
use crate::receivers::LineProtocol;

/// The default limit on the data.
const MEMORY_BYTES: usize = 256 << 20;

/// Makes a server of Redis's protocol whose data is in memory, and gone with it.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use protocol::testing::{Clock, Record, Recorder, memory::Network};
/// use interfaces::StreamServerEndpoint as _;
/// use protocol::redis::RedisFactory;
///
/// let clock = Clock::new(); // a server's is its reactor
/// let network = Network::new(); // a program's are endpoints of its registry
/// let _port = network.server("redis").listen(RedisFactory::new(clock).into_rc());
/// let record = Record::new();
/// let asking = Recorder::new(&record).on_made(|transport| transport.write(b"SET k v\r\nGET k\r\n"));
/// let _client = protocol::connect_protocol(&network.client("redis"), asking);
/// network.flush();
/// assert_eq!(record.received(), b"+OK\r\n$1\r\nv\r\n");
/// ```
pub struct RedisFactory {
    clock: Rc<dyn ReactorTime>,
    memory_limit: usize,
}

impl RedisFactory {
    /// A server with no data, whose times to live are of this clock.
    pub fn new(clock: impl ReactorTime + 'static) -> Self {
        Self { clock: Rc::new(clock), memory_limit: MEMORY_BYTES }
    }

    /// Refuses to keep more than about `bytes`, as Redis does with `maxmemory`. Default 256 MiB.
    #[must_use]
    pub fn with_memory_limit(self, bytes: usize) -> Self {
        Self { memory_limit: bytes, ..self }
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        let database = Database::new(self.clock, self.memory_limit);
        let database = Rc::new(RefCell::new(database));
        LineProtocol::factory(move |_| RedisClient::new(database.clone())).into_rc()
    }
}

impl fmt::Debug for RedisFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFactory")
            .field("memory_limit", &self.memory_limit)
            .finish_non_exhaustive()
    }
}
