//! The number of open connections, and a Deferred that fires when it is zero; Twisted keeps
//! `WrappingFactory.protocols`.
//!
//! Invariant: each [`CountedConnection`] is one in the count, and in the total that it is part of, for as
//! long as it lives.

use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use deferred::{Deferred, Failure, Promise};
use interfaces::{Address, Deliver, Factory};

use super::guarded::Guarded;

/// The number of open connections; a clone is the same count.
#[derive(Clone, Default)]
pub struct ConnectionCount {
    shared: Rc<SharedCount>,
}

#[derive(Default)]
struct SharedCount {
    connections: Cell<usize>,
    waiting: RefCell<Vec<Promise<()>>>,
    total: OnceCell<ConnectionTotal>,
    /// The total has a connection that is not counted yet.
    is_reserved: Cell<bool>,
}

/// The open connections of several [`ConnectionCount`]s, on any threads; a clone is the same total.
#[derive(Clone, Debug, Default)]
pub struct ConnectionTotal(Arc<AtomicUsize>);

impl ConnectionTotal {
    /// A total of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn add_below(&self, limit: usize) -> bool {
        let below = |connections| (connections < limit).then_some(connections + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).is_ok()
    }

    fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionCount {
    /// A count at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the count part of a total: a limit on it is a limit on the total from now on. Called before
    /// the first connection is counted; a second call changes nothing.
    pub fn join(&self, total: ConnectionTotal) {
        if self.connections() == 0 {
            // The first one is kept.
            let _ = self.shared.total.set(total);
        }
    }

    /// Counts one more, until the answer is dropped.
    pub fn count(&self) -> CountedConnection {
        if let Some(total) = self.shared.total.get()
            && !self.shared.is_reserved.take()
        {
            total.add();
        }
        self.shared.connections.set(self.shared.connections.get() + 1);
        CountedConnection { shared: self.shared.clone() }
    }

    /// A factory that counts the connections of `factory`: each from the call that builds its protocol
    /// until its `connection_lost` has returned.
    pub fn counting(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        Rc::new(CountingFactory { factory, count: self.clone() })
    }

    /// Reserves the place of the connection that is counted next, while fewer than `limit` are open: of
    /// this count, or of the total that it is part of.
    pub(super) fn reserve(&self, limit: usize) -> Option<ReservedPlace<'_>> {
        let is_free = match self.shared.total.get() {
            Some(total) => total.add_below(limit),
            None => self.connections() < limit,
        };
        self.shared.is_reserved.set(is_free && self.shared.total.get().is_some());
        is_free.then_some(ReservedPlace(&self.shared))
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.connections.get()
    }

    /// Fires when no connection is open, at once if none is open now. For a server that stops when
    /// its last connection is over.
    pub fn none_left(&self) -> Deferred<()> {
        if self.connections() == 0 {
            return Deferred::succeed(());
        }
        let (deferred, promise) = Deferred::new();
        self.shared.waiting.borrow_mut().push(promise);
        deferred
    }
}

impl fmt::Debug for ConnectionCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionCount").field(&self.connections()).finish()
    }
}

/// A place in a total; its drop gives it back, unless a connection was counted.
pub(super) struct ReservedPlace<'a>(&'a SharedCount);

impl Drop for ReservedPlace<'_> {
    fn drop(&mut self) {
        if self.0.is_reserved.take()
            && let Some(total) = self.0.total.get()
        {
            total.subtract();
        }
    }
}

/// One connection in a [`ConnectionCount`]; its drop takes it out.
#[must_use = "the connection is counted for as long as this lives"]
pub struct CountedConnection {
    shared: Rc<SharedCount>,
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let left = self.shared.connections.get() - 1;
        self.shared.connections.set(left);
        if let Some(total) = self.shared.total.get() {
            total.subtract();
        }
        if left == 0 {
            let waiting = self.shared.waiting.take();
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

impl fmt::Debug for CountedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedConnection").finish_non_exhaustive()
    }
}

struct CountingFactory {
    factory: Rc<dyn Factory>,
    count: ConnectionCount,
}

impl Factory for CountingFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        // Before the call, which may look at the count.
        let counted = self.count.count();
        Some(Guarded::around(self.factory.build_protocol(peer)?, counted))
    }

    fn do_start(&self) {
        self.factory.do_start();
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.factory.do_stop()
    }
}
