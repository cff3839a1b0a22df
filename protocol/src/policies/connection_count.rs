//! The number of open connections, and a Deferred that fires when it is zero; Twisted keeps
//! `WrappingFactory.protocols`.
//!
//! A connection that is over for its protocol may keep its socket for its last bytes. A server that stops
//! does not wait for it, and a cap counts it. Invariant: each [`CountedConnection`] is one of the sockets
//! for as long as it lives, and one of the connections until its end, in the count and in the total that
//! it is part of.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};
use core::fmt;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::task::{Poll, Waker};

use deferred::{Deferred, Promise};
use interfaces::{Address, Deliver, Factory};

use super::guarded::{Guarded, SocketGuard};

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
    /// The ports that wait for a place.
    ports: RefCell<Vec<Waker>>,
    total: OnceCell<ConnectionTotal>,
    /// The total has a connection that is not counted yet.
    is_reserved: Cell<bool>,
}

/// The open connections of several [`ConnectionCount`]s, on any threads; a clone is the same total.
#[derive(Clone, Default)]
pub struct ConnectionTotal {
    shared: Arc<SharedTotal>,
}

#[derive(Default)]
struct SharedTotal {
    connections: AtomicUsize,
    counted: AtomicU64,
    sockets: AtomicUsize,
    ports: Option<Box<dyn WaitingPorts>>,
}

/// Where the ports are kept that wait for a place in a [`ConnectionTotal`]. Implement it with a list under a
/// lock, for ports on several threads.
pub trait WaitingPorts: Send + Sync {
    /// Adds one, unless it is there.
    fn add(&self, port: &Waker);

    /// Takes all out, and then wakes them.
    fn wake_all(&self);
}

impl ConnectionTotal {
    /// A total of nothing. A limit on it refuses connections: no port waits for a place.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](Self::new), for ports that wait while the limit is reached.
    pub fn with_waiting_ports(ports: impl WaitingPorts + 'static) -> Self {
        let shared = SharedTotal { ports: Some(Box::new(ports)), ..Default::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The number of connections that there have been, open or not.
    pub fn counted(&self) -> u64 {
        self.shared.counted.load(Ordering::Relaxed)
    }

    fn add_connection(&self) {
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
        self.shared.counted.fetch_add(1, Ordering::Relaxed);
    }

    fn subtract_connection(&self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }

    fn add_socket(&self) {
        self.shared.sockets.fetch_add(1, Ordering::Relaxed);
    }

    fn add_socket_below(&self, limit: usize) -> bool {
        let below = |sockets| (sockets < limit).then_some(sockets + 1);
        // The place of another connection comes with that one's end.
        self.shared.sockets.fetch_update(Ordering::Acquire, Ordering::Relaxed, below).is_ok()
    }

    fn subtract_socket(&self) {
        self.shared.sockets.fetch_sub(1, Ordering::Release);
        if let Some(ports) = &self.shared.ports {
            ports.wake_all();
        }
    }

    /// Whether there are fewer sockets than `limit`; the port of a waker that is told of none is woken at
    /// the next end of one.
    fn poll_place(&self, limit: usize, waker: &Waker) -> Poll<()> {
        let Some(ports) = &self.shared.ports else { return Poll::Ready(()) };
        let is_free = || self.shared.sockets.load(Ordering::Relaxed) < limit;
        if is_free() {
            return Poll::Ready(());
        }
        ports.add(waker);
        // A socket may have ended before the waker was there.
        if is_free() { Poll::Ready(()) } else { Poll::Pending }
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
        if self.sockets() == 0 {
            // The first one is kept.
            let _ = self.shared.total.set(total);
        }
    }

    /// Counts one more, until the answer is dropped.
    pub fn count(&self) -> CountedConnection {
        if let Some(total) = self.shared.total.get() {
            total.add_connection();
            if !self.shared.is_reserved.take() {
                total.add_socket();
            }
        }
        self.shared.connections.set(self.shared.connections.get() + 1);
        self.shared.sockets.set(self.shared.sockets.get() + 1);
        CountedConnection { shared: self.shared.clone(), has_ended: Cell::new(false) }
    }

    /// A factory that counts the connections of `factory`: each from the call that builds its protocol
    /// until its `connection_lost` has returned, and its socket until that is closed.
    pub fn counting(&self, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
        Rc::new(CountingFactory { factory, count: self.clone() })
    }

    /// Reserves the place of the connection that is counted next, while there are fewer sockets than
    /// `limit`: of this count, or of the total that it is part of.
    pub(super) fn reserve(&self, limit: usize) -> Option<ReservedPlace<'_>> {
        let is_free = match self.shared.total.get() {
            Some(total) => total.add_socket_below(limit),
            None => self.sockets() < limit,
        };
        self.shared.is_reserved.set(is_free && self.shared.total.get().is_some());
        is_free.then_some(ReservedPlace(&self.shared))
    }

    /// Whether a port may accept: there are fewer sockets than `limit` beside those `on_the_way`, in this
    /// count, or in the total that it is part of. If not, `waker` is woken at the next end of a socket.
    pub(super) fn poll_place(&self, limit: usize, on_the_way: usize, waker: &Waker) -> Poll<()> {
        let left = limit.saturating_sub(on_the_way);
        if let Some(total) = self.shared.total.get() {
            return total.poll_place(left, waker);
        }
        if self.sockets() < left {
            return Poll::Ready(());
        }
        let mut ports = self.shared.ports.borrow_mut();
        if !ports.iter().any(|port| port.will_wake(waker)) {
            ports.push(waker.clone());
        }
        Poll::Pending
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

impl fmt::Debug for ConnectionTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionTotal").field(&self.connections()).finish()
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
            total.subtract_socket();
        }
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
        if let Some(total) = self.shared.total.get() {
            total.subtract_connection();
        }
        if left == 0 {
            let waiting = self.shared.waiting.take();
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        // First, as the next one to get its place counts a connection, too.
        self.end();
        self.shared.sockets.set(self.shared.sockets.get() - 1);
        if let Some(total) = self.shared.total.get() {
            total.subtract_socket();
        }
        let ports = self.shared.ports.take();
        ports.into_iter().for_each(Waker::wake);
    }
}

impl SocketGuard for CountedConnection {
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

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}
