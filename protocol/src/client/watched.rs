//! A protocol whose connection is watched by what made it; Twisted's `_ReconnectingProtocolProxy`.
//!
//! Invariant: the watch hears of the end once, after the protocol has, also when that panics. A connection
//! that is not wanted is aborted, and its protocol hears nothing of it.

use alloc::rc::Rc;
use core::any::Any;
use core::cell::Cell;

use interfaces::{Deliver, Event, ReadingRoles, Reason, Transport};

/// What watches a connection.
pub(super) trait ConnectionWatch: 'static {
    /// The connection stands. Returns whether it is wanted; the protocol hears of it after this.
    fn connection_made(&self, transport: &Rc<dyn Transport>) -> bool;

    /// A connection that was wanted is lost, and its protocol has heard of it.
    fn connection_lost(&self, reason: &Reason);
}

/// A running protocol and the watch of its connection. All events pass through.
pub(super) struct Watched<W> {
    protocol: Rc<dyn Deliver>,
    watch: W,
    wanted: Cell<bool>,
}

impl<W: ConnectionWatch> Watched<W> {
    pub(super) fn around(protocol: Rc<dyn Deliver>, watch: W) -> Rc<dyn Deliver> {
        Rc::new(Self { protocol, watch, wanted: Cell::new(true) })
    }

    fn connection_made(&self, transport: &Rc<dyn Transport>) {
        self.wanted.set(self.watch.connection_made(transport));
        match self.wanted.get() {
            true => self.protocol.deliver(Event::ConnectionMade(transport)),
            false => transport.abort_connection(),
        }
    }

    fn connection_lost(&self, reason: &Reason) {
        let _after = TellWatch { watch: &self.watch, reason };
        self.protocol.deliver(Event::ConnectionLost(reason));
    }
}

/// Tells the watch when the protocol has been told.
struct TellWatch<'a, W: ConnectionWatch> {
    watch: &'a W,
    reason: &'a Reason,
}

impl<W: ConnectionWatch> Drop for TellWatch<'_, W> {
    fn drop(&mut self) {
        self.watch.connection_lost(self.reason);
    }
}

impl<W: ConnectionWatch> Deliver for Watched<W> {
    fn deliver(&self, event: Event<'_>) {
        match event {
            Event::ConnectionMade(transport) => self.connection_made(transport),
            _ if !self.wanted.get() => {}
            Event::ConnectionLost(reason) => self.connection_lost(reason),
            event => self.protocol.deliver(event),
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.protocol.log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol.is_half_closeable()
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.protocol.socket_guard()
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.protocol.reading_roles()
    }
}
