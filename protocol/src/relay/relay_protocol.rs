//! The protocol on one of a pair's two connections.
//!
//! Invariant: it holds no state; all state is the pair's.

use alloc::rc::Rc;

use interfaces::{HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport};

use super::event::RelaySide;
use super::pair::RelayPair;

/// Forwards the events of its connection to the pair.
pub(super) struct RelayProtocol {
    pair: Rc<RelayPair>,
    side: RelaySide,
}

impl RelayProtocol {
    /// The protocol of this side of `pair`.
    pub(super) fn new(pair: Rc<RelayPair>, side: RelaySide) -> Self {
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

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HalfCloseableProtocol for RelayProtocol {
    fn read_connection_lost(&mut self, _transport: &Rc<dyn Transport>) {
        self.pair.read_ended(self.side);
    }
}

impl HandshakeListener for RelayProtocol {
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>) {
        match self.side {
            RelaySide::Accepted => self.pair.dial(transport),
            RelaySide::Connected => {}
        }
    }
}
