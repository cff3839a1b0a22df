//! The protocol on one of a relay's two connections.
//!
//! Invariant: it holds no state; all state is the pair's.

use std::rc::Rc;

use interfaces::{HalfCloseableProtocol, Protocol, Reason, Transport};

use super::{RelayPair, Side};

/// Forwards the events of its connection to the pair.
pub(crate) struct RelayProtocol {
    pair: Rc<RelayPair>,
    side: Side,
}

impl RelayProtocol {
    /// The protocol of this side of `pair`.
    pub(crate) fn new(pair: Rc<RelayPair>, side: Side) -> Self {
        Self { pair, side }
    }
}

impl Protocol for RelayProtocol {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.pair.made(self.side, transport);
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, data: &[u8]) {
        self.pair.received(self.side, data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.pair.lost(self.side, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for RelayProtocol {
    fn read_connection_lost(&mut self, _transport: &Rc<dyn Transport>) {
        self.pair.read_ended(self.side);
    }
}
