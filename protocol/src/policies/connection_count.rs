//! The number of open connections, and a Deferred that fires when it is zero; Twisted keeps
//! `WrappingFactory.protocols`.
//!
//! A connection that is over for its protocol may keep its socket for its last bytes. A server that stops
//! does not wait for it, and a cap counts it. Invariant: each [`CountedConnection`] is one of the sockets
//! for as long as it lives, and one of the connections until its end.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use deferred::{Deferred, Failure, Promise};
use interfaces::{Address, Deliver, Factory};

use super::guarded::{Guard, Guarded};

/// The number of open connections; a clone is the same count.
#[derive(Clone, Default)]
pub struct ConnectionCount {
    shared: Rc<SharedCount>,
}

#[derive(Default)]
struct SharedCount {
    connections: Cell<usize>,
    sockets: Cell<usize>,
    waiting: RefCell<Vec<Promise<()>>>,
}

impl ConnectionCount {
    /// A count at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more, until the answer is dropped.
    pub fn count(&self) -> CountedConnection {
        self.shared.connections.set(self.shared.connections.get() + 1);
        self.shared.sockets.set(self.shared.sockets.get() + 1);
        CountedConnection { shared: self.shared.clone(), has_ended: Cell::new(false) }
    }

    /// A factory that counts the connections of `factory`: each from the call that builds its protocol
    /// until its `connection_lost` has returned, and its socket until that is closed.
    pub fn counting(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        Rc::new(CountingFactory { factory, count: self.clone() })
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.connections.get()
    }

    /// The number of connections whose sockets are not closed: the open ones, and those that are over but
    /// for the peer's taking of their last bytes.
    pub fn sockets(&self) -> usize {
        self.shared.sockets.get()
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

/// One connection in a [`ConnectionCount`]; its drop takes it out.
#[must_use = "the connection is counted for as long as this lives"]
pub struct CountedConnection {
    shared: Rc<SharedCount>,
    has_ended: Cell<bool>,
}

impl CountedConnection {
    /// The connection is over, and its socket may not be. Further calls do nothing.
    pub fn end(&self) {
        if self.has_ended.replace(true) {
            return;
        }
        let left = self.shared.connections.get() - 1;
        self.shared.connections.set(left);
        if left == 0 {
            let waiting = self.shared.waiting.take();
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.shared.sockets.set(self.shared.sockets.get() - 1);
        self.end();
    }
}

impl Guard for CountedConnection {
    fn connection_lost(&self) {
        self.end();
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
