//! A cap on the connections of one factory; Twisted's `LimitTotalConnectionsFactory`.
//!
//! Invariant: the wrapped factory builds no protocol while the limit is reached.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;

use deferred::Failure;
use interfaces::{Address, Deliver, Factory};

use super::ConnectionCount;

/// Refuses the connections beyond a number: no protocol is built for them, and the transport closes
/// them. One counts until its socket is closed.
///
/// # Differences from Twisted
///
/// There is no `overflowProtocol`: a stranger beyond the limit gets no protocol to talk to.
pub struct LimitTotalConnectionsFactory {
    factory: Rc<dyn Factory>,
    count: ConnectionCount,
    limit: usize,
    refused: Box<dyn Fn(&Address)>,
}

impl LimitTotalConnectionsFactory {
    /// At most `limit` connections of `factory` at a time.
    pub fn new(factory: Rc<dyn Factory>, limit: usize) -> Self {
        let count = ConnectionCount::new();
        Self::with_count(count.counting(factory), limit, count)
    }

    /// At most `limit` in a count that is kept elsewhere, as that of a
    /// [`RelayFactory`](crate::relay::RelayFactory), which counts a pair until both of its connections
    /// are over; or in the [`ConnectionTotal`](super::ConnectionTotal) that this count is part of.
    pub fn with_count(factory: Rc<dyn Factory>, limit: usize, count: ConnectionCount) -> Self {
        Self { factory, count, limit, refused: Box::new(|_| {}) }
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

impl Factory for LimitTotalConnectionsFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let Some(place) = self.count.reserve(self.limit) else {
            (self.refused)(peer);
            return None;
        };
        let protocol = self.factory.build_protocol(peer);
        drop(place);
        protocol
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

impl fmt::Debug for LimitTotalConnectionsFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitTotalConnectionsFactory")
            .field("connections", &self.count.sockets())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
