//! Discard (RFC 863): drops received bytes; Twisted's `wire.Discard`.
//!
//! Invariant: nothing is ever written.

use std::rc::Rc;

use interfaces::{Protocol, Transport};

/// Drops received bytes. The peer's end of file ends the connection.
#[derive(Debug, Default)]
pub(crate) struct Discard;

impl Protocol for Discard {
    fn data_received(&mut self, _transport: &Rc<dyn Transport>, _data: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::Event;
    use protocol::ProtocolRef;
    use protocol::testing::StringTransport;

    #[test]
    fn nothing_is_answered() {
        let transport = StringTransport::new();
        let discard = ProtocolRef::new(Discard).as_deliver();
        discard.deliver(Event::ConnectionMade(&transport.as_transport()));
        discard.deliver(Event::DataReceived(&mut b"hello?".to_owned()));
        assert!(transport.value().is_empty());
        assert!(!transport.disconnecting() && !discard.is_half_closeable());
    }
}
