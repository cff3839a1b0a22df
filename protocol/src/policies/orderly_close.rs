//! A server's close of a connection of its own: in order, and without waiting for what may never be done.
//!
//! Invariant: it knows of a producer that is registered through it until it is unregistered through it.

use core::cell::Cell;

use interfaces::{AlreadyProducing, Producer, Transport};

/// Whether a producer stands in the way of a close.
#[derive(Default)]
pub(super) struct OrderlyClose {
    has_producer: Cell<bool>,
}

impl OrderlyClose {
    pub(super) fn register_producer(
        &self,
        below: &dyn Transport,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        // A pull producer is asked inside this call, and may unregister itself.
        let before = self.has_producer.replace(true);
        below.register_producer(producer).inspect_err(|_| self.has_producer.set(before))
    }

    pub(super) fn unregister_producer(&self, below: &dyn Transport) {
        self.has_producer.set(false);
        below.unregister_producer();
    }

    /// Closes the connection behind what was written. A producer is unregistered; before the end of a TLS
    /// handshake nothing can have been said, and the close would wait for it, so that is aborted.
    pub(super) fn close(&self, transport: &dyn Transport) {
        if is_handshaking(transport) {
            return transport.abort_connection();
        }
        if self.has_producer.get() {
            transport.unregister_producer();
        }
        transport.lose_connection();
    }
}

/// Whether this is TLS before the end of its handshake.
pub(crate) fn is_handshaking(transport: &dyn Transport) -> bool {
    transport.as_tls().is_some_and(|tls| tls.version().is_none())
}
