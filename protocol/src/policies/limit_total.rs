//! A cap on the connections of one factory; Twisted's `LimitTotalConnectionsFactory`.
//!
//! Invariant: the wrapped factory builds no protocol while the limit is reached.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::task::{Poll, Waker};

use interfaces::{Address, Deliver, Factory};

use super::ConnectionCount;

/// Lets a port accept no more than a number of connections at a time: while that is reached, the clients
/// beyond it wait in the kernel's queue, as with HAProxy's `maxconn`, and one is accepted when another
/// ends. One counts until its socket is closed.
///
/// Connections of a port that does not ask first ([`Factory::poll_ready`]) are refused beyond the number:
/// no protocol is built for them, and the transport closes them. Ports on several threads that do not
/// hand their connections to each other may both take the last place, and then one of them is refused.
///
/// # Differences from Twisted
///
/// Twisted's accepts and closes those beyond the limit. Those that get its `overflowProtocol` have no limit
/// there; here [they have](Self::with_overflow).
pub struct LimitTotalConnectionsFactory {
    factory: Rc<dyn Factory>,
    count: ConnectionCount,
    limit: usize,
    refused: Box<dyn Fn(&Address)>,
    full: Box<dyn Fn()>,
    /// A port waits.
    is_full: Cell<bool>,
    /// For those beyond the limit, and how many there may be.
    overflow: Option<(Rc<dyn Factory>, usize)>,
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
        let (refused, full) = (Box::new(|_: &Address| {}), Box::new(|| {}));
        Self { factory, count, limit, refused, full, is_full: Cell::new(false), overflow: None }
    }

    /// Calls `refused` with the address of each peer that is refused.
    #[must_use]
    pub fn on_refused(mut self, refused: impl Fn(&Address) + 'static) -> Self {
        self.refused = Box::new(refused);
        self
    }

    /// Connections beyond the limit, up to `most` of them, are accepted and get a protocol of `overflow`, to
    /// say so in the words of their protocol and to close. They count as the others do: while one of them
    /// is open, its place is taken. Twisted's `overflowProtocol`.
    #[doc(alias = "overflowProtocol")]
    #[must_use]
    pub fn with_overflow(mut self, overflow: Rc<dyn Factory>, most: usize) -> Self {
        self.overflow = Some((self.count.counting(overflow), most));
        self
    }

    /// Calls `full` when a port begins to wait, with a client in its queue.
    #[must_use]
    pub fn on_full(mut self, full: impl Fn() + 'static) -> Self {
        self.full = Box::new(full);
        self
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for LimitTotalConnectionsFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        if let Some(place) = self.count.reserve(self.limit) {
            let protocol = self.factory.build_protocol(peer);
            drop(place);
            return protocol;
        }
        let overflow = self.overflow.as_ref();
        let place =
            overflow.and_then(|(_, most)| self.count.reserve(self.limit.saturating_add(*most)));
        let (Some((overflow, _)), Some(place)) = (overflow, place) else {
            (self.refused)(peer);
            return None;
        };
        let protocol = overflow.build_protocol(peer);
        drop(place);
        protocol
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        if self.overflow.is_some() {
            // It tells those beyond the limit, which therefore do not wait.
            return self.factory.poll_ready(on_the_way, waker);
        }
        let place = self.count.poll_place(self.limit, on_the_way, waker);
        if place.is_pending() {
            if !self.is_full.replace(true) {
                (self.full)();
            }
            return Poll::Pending;
        }
        self.is_full.set(false);
        self.factory.poll_ready(on_the_way, waker)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
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
