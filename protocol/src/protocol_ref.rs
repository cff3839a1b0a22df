//! [`ProtocolRef`]: a running protocol, typed and shared; what Twisted has as the protocol object itself.
//!
//! Invariant: every way to the protocol goes through its mailbox, so it never runs twice at a time.

use alloc::rc::{Rc, Weak};
use core::any::type_name;
use core::fmt;

use interfaces::{Deliver, Protocol, Transport};

use crate::mailbox::Phase;
use crate::protocol_cell::ProtocolCell;

/// A protocol that runs on a connection, or will; clone it to share it.
///
/// In Twisted one holds the protocol and calls it. Here the protocol is `&mut self` while it runs,
/// so a call from elsewhere may come when it is running already: [`enter`](Self::enter) makes the
/// call now or right after the running one.
///
/// ```
/// use protocol::ProtocolRef;
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{Protocol, Transport};
/// #[derive(Default)]
/// struct Counter { bytes: usize }
/// impl Protocol for Counter {
///     fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
///         self.bytes += data.len();
///     }
/// }
///
/// let counter = ProtocolRef::new(Counter::default());
/// counter.enter(|counter| counter.bytes += 1);
/// assert_eq!(counter.try_with(|counter| counter.bytes), Some(1));
/// ```
///
/// # Differences from Twisted
///
/// A call that comes while the protocol is running is made after the running call, not inside it.
pub struct ProtocolRef<P: Protocol> {
    cell: Rc<ProtocolCell<P>>,
}

impl<P: Protocol> ProtocolRef<P> {
    /// Makes the protocol ready to run: one allocation, which holds it and its mailbox.
    pub fn new(protocol: P) -> Self {
        Self { cell: Rc::new(ProtocolCell::new(protocol)) }
    }

    /// As [`new`](Self::new), for a protocol that needs a way back to itself: for its timers, or
    /// for the callbacks of its Deferreds.
    pub fn new_cyclic(build: impl FnOnce(&WeakProtocolRef<P>) -> P) -> Self {
        let cell = Rc::new_cyclic(|weak| {
            ProtocolCell::new(build(&WeakProtocolRef { cell: weak.clone() }))
        });
        Self { cell }
    }

    /// What transports hold. It is this very protocol: a clone of the same `Rc`.
    pub fn as_deliver(&self) -> Rc<dyn Deliver> {
        self.cell.clone()
    }

    /// Calls the protocol: now, or when it is running, right after the running call and what was
    /// asked for before.
    ///
    /// After `connection_lost` nothing is called any more, and `call` is dropped. The queue
    /// has no bound: a caller that enters in a loop while the protocol runs must bound that.
    pub fn enter(&self, call: impl FnOnce(&mut P) + 'static) {
        self.cell.enter(call);
    }

    /// As [`enter`](Self::enter), with the transport. Before `connection_made` there is none, and
    /// `call` is dropped too.
    pub fn enter_with(&self, call: impl FnOnce(&mut P, &Rc<dyn Transport>) + 'static) {
        self.cell.enter_with(call);
    }

    /// Looks at the protocol, also before and after its connection; `None` while it is running.
    pub fn try_with<R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        self.cell.try_with(look)
    }

    /// The transport: `None` before `connection_made` and after `connection_lost`.
    pub fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.cell.transport()
    }

    /// Aborts its connection, also one that was promised and is not made yet.
    pub(crate) fn give_up(&self) {
        match self.transport() {
            Some(transport) => transport.abort_connection(),
            None => self.cell.withdraw(),
        }
    }

    pub(crate) fn cell(&self) -> &ProtocolCell<P> {
        &self.cell
    }

    /// As [`as_deliver`](Self::as_deliver), for the one that makes its connection: once.
    pub(crate) fn claim(&self) -> Option<Rc<dyn Deliver>> {
        self.cell.claim().then(|| self.as_deliver())
    }

    /// A reference that keeps nothing alive.
    pub fn downgrade(&self) -> WeakProtocolRef<P> {
        WeakProtocolRef { cell: Rc::downgrade(&self.cell) }
    }

    /// Whether both are the same protocol.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.cell, &other.cell)
    }
}

impl<P: Protocol> Clone for ProtocolRef<P> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<P: Protocol> From<ProtocolRef<P>> for Rc<dyn Deliver> {
    fn from(protocol: ProtocolRef<P>) -> Self {
        protocol.cell
    }
}

/// The protocol's type and its connection, Twisted's `logPrefix` with the peer.
impl<P: Protocol> fmt::Debug for ProtocolRef<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = type_name::<P>();
        match (self.cell.phase(), self.transport()) {
            (Phase::Waiting, _) => write!(f, "ProtocolRef<{name}>(not connected)"),
            (Phase::Connected, Some(transport)) => {
                write!(f, "ProtocolRef<{name}>({})", transport.peer())
            }
            (Phase::Connected, None) | (Phase::Ended, _) => {
                write!(f, "ProtocolRef<{name}>(connection lost)")
            }
        }
    }
}

/// A [`ProtocolRef`] that does not keep the protocol alive: for timers, and for what the protocol
/// itself owns.
pub struct WeakProtocolRef<P: Protocol> {
    cell: Weak<ProtocolCell<P>>,
}

impl<P: Protocol> WeakProtocolRef<P> {
    /// The protocol, if a [`ProtocolRef`] or a transport still holds it.
    pub fn upgrade(&self) -> Option<ProtocolRef<P>> {
        self.cell.upgrade().map(|cell| ProtocolRef { cell })
    }

    /// The protocol's cell, for a trait object of this crate.
    pub(crate) fn cell(&self) -> Weak<ProtocolCell<P>> {
        self.cell.clone()
    }

    /// [`ProtocolRef::enter`], if the protocol still lives; otherwise `call` is dropped.
    pub fn enter(&self, call: impl FnOnce(&mut P) + 'static) {
        if let Some(protocol) = self.upgrade() {
            protocol.enter(call);
        }
    }

    /// [`ProtocolRef::enter_with`], if the protocol still lives; otherwise `call` is dropped.
    pub fn enter_with(&self, call: impl FnOnce(&mut P, &Rc<dyn Transport>) + 'static) {
        if let Some(protocol) = self.upgrade() {
            protocol.enter_with(call);
        }
    }
}

impl<P: Protocol> Clone for WeakProtocolRef<P> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<P: Protocol> fmt::Debug for WeakProtocolRef<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakProtocolRef<{}>", type_name::<P>())
    }
}
