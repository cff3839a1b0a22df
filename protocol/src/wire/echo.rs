//! Echo (RFC 862): sends received bytes back; Twisted's `wire.Echo`.
//!
//! Invariant: a peer that does not read is not read from: the transport is its own producer.

use alloc::rc::Rc;

use interfaces::{HalfCloseableProtocol, Producer, Protocol, Transport};

/// Sends received bytes back, and closes after the peer's end of file when they are sent.
///
/// # Differences from Twisted
///
/// Bounded: Twisted's keeps all that a peer sends and does not read back.
#[derive(Debug, Default)]
pub struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        // The transport is new, so no other producer is registered.
        let _ = transport.register_producer(Producer::Push(transport.clone()));
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Echo {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        transport.unregister_producer();
        transport.lose_connection();
    }
}
