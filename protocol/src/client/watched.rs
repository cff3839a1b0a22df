//! A protocol whose connection is watched by what made it; Twisted's `_ReconnectingProtocolProxy`.
//!
//! Invariant: the watch hears of the end once, after the protocol has, also when that panics. A connection
//! that is not wanted is aborted, and its protocol hears nothing of it.

use alloc::rc::Rc;
use core::cell::Cell;

use interfaces::{Deliver, Event, Reason, Transport};

use crate::layer::{Layer, LayerTransport, wrap_protocol};

/// What watches a connection.
pub(super) trait ConnectionWatch: 'static {
    /// The connection stands. Returns whether it is wanted; the protocol hears of it after this.
    fn connection_made(&self, transport: &Rc<dyn Transport>) -> bool;

    /// A connection that was wanted is lost, and its protocol has heard of it.
    fn connection_lost(&self, reason: &Reason);
}

/// The layer that has its watch hear of a connection. It passes on all that it does not stop.
pub(super) struct Watched<W> {
    watch: W,
    wanted: Cell<bool>,
}

impl<W: ConnectionWatch> Watched<W> {
    pub(super) fn around(protocol: Rc<dyn Deliver>, watch: W) -> Rc<dyn Deliver> {
        wrap_protocol(protocol, Self { watch, wanted: Cell::new(true) })
    }

    fn connection_made(&self, above: &dyn Deliver, transport: &Rc<dyn Transport>) {
        self.wanted.set(self.watch.connection_made(transport));
        match self.wanted.get() {
            true => above.deliver(Event::ConnectionMade(transport)),
            false => transport.abort_connection(),
        }
    }

    fn connection_lost(&self, above: &dyn Deliver, reason: &Reason) {
        let _after = TellWatch { watch: &self.watch, reason };
        above.deliver(Event::ConnectionLost(reason));
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

impl<W: ConnectionWatch> Layer for Watched<W> {
    const WRAPS_TRANSPORT: bool = false;

    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::ConnectionMade(transport) => self.connection_made(above, transport),
            _ if !self.wanted.get() => {}
            Event::ConnectionLost(reason) => self.connection_lost(above, reason),
            event => above.deliver(event),
        }
    }
}
