//! One half of a relay: the protocol on one of its two connections.
//!
//! Invariant: it holds no state: everything is the junction's.

use std::rc::Rc;

use interfaces::{HalfCloseableProtocol, Protocol, Reason, Transport};

use super::{Junction, Side};

/// Hands what its connection says to the junction.
pub(crate) struct Half {
    junction: Rc<Junction>,
    side: Side,
}

impl Half {
    /// The half of `junction` on this side.
    pub(crate) fn new(junction: Rc<Junction>, side: Side) -> Self {
        Self { junction, side }
    }
}

impl Protocol for Half {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.junction.made(self.side, transport);
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, data: &[u8]) {
        self.junction.received(self.side, data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.junction.lost(self.side, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Half {
    fn read_connection_lost(&mut self, _transport: &Rc<dyn Transport>) {
        self.junction.read_ended(self.side);
    }
}
