//! Echo (RFC 862): sends received bytes back; Twisted's `wire.Echo`.
//!
//! Invariant: a peer that does not read is not read from: the transport is its own producer.

use std::rc::Rc;

use interfaces::{HalfCloseableProtocol, Producer, Protocol, Transport};

/// Sends received bytes back, and closes after the peer's end of file when they are sent.
///
/// # Differences from Twisted
///
/// Bounded: Twisted's keeps all that a peer sends and does not read back.
#[derive(Debug, Default)]
pub(crate) struct Echo;

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

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::Event;
    use protocol::ProtocolRef;
    use protocol::testing::StringTransport;

    #[test]
    fn what_comes_in_goes_out_however_it_is_cut() {
        let transport = StringTransport::new();
        let echo = ProtocolRef::new(Echo).as_deliver();
        echo.deliver(Event::ConnectionMade(&transport.as_transport()));
        for byte in *b"one byte at a time" {
            echo.deliver(Event::DataReceived(&mut [byte]));
        }
        echo.deliver(Event::DataReceived(&mut b", or all at once".to_owned()));
        assert_eq!(transport.value(), b"one byte at a time, or all at once");
        assert!(!transport.disconnecting());
    }

    #[test]
    fn a_peer_that_does_not_read_is_not_read_from() {
        let transport = StringTransport::new();
        let echo = ProtocolRef::new(Echo).as_deliver();
        echo.deliver(Event::ConnectionMade(&transport.as_transport()));
        let Some(Producer::Push(producer)) = transport.producer() else {
            panic!("there is no push producer");
        };
        producer.pause_producing();
        assert_eq!(transport.producer_state(), protocol::testing::ProducerState::Paused);
    }

    #[test]
    fn the_end_of_the_input_closes_after_what_is_left() {
        let transport = StringTransport::new();
        let echo = ProtocolRef::new(Echo).as_deliver();
        echo.deliver(Event::ConnectionMade(&transport.as_transport()));
        assert!(echo.is_half_closeable());
        echo.deliver(Event::ReadConnectionLost);
        assert!(transport.producer().is_none(), "a producer would hold the close back");
        assert!(transport.disconnecting() && !transport.aborting());
    }
}
