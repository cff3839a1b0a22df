//! Protocols as consumers and consumers as protocols; Twisted's `ProtocolToConsumerAdapter` and
//! `ConsumerToProtocolAdapter`.
//!
//! Invariant: bytes pass on in order, and nothing else does.

use alloc::rc::Rc;
use core::fmt;

use interfaces::{Deliver, Event, Protocol, Transport};

/// A running protocol as a consumer: what is written to it, it receives. For a source that writes, such as
/// a file that is sent, where the bytes are to be taken apart as if they had come over the connection.
///
/// Nothing is received before the protocol's `connection_made`, nor after its `connection_lost`.
#[doc(alias = "ProtocolToConsumerAdapter")]
pub struct ProtocolToConsumer {
    protocol: Rc<dyn Deliver>,
}

impl ProtocolToConsumer {
    /// Writes to this protocol.
    pub fn new(protocol: impl Into<Rc<dyn Deliver>>) -> Self {
        Self { protocol: protocol.into() }
    }

    /// The protocol receives these bytes: now, or where it is running, right after the running call.
    pub fn write(&self, data: &[u8]) {
        self.protocol.deliver(Event::DataReceived(&mut data.to_vec()));
    }
}

/// A consumer as a protocol: what is received is written to it. For a connection whose bytes another one
/// takes, without the care that a [relay](crate::relay) takes of both.
#[doc(alias = "ConsumerToProtocolAdapter")]
pub struct ConsumerToProtocol {
    consumer: Rc<dyn Transport>,
}

impl ConsumerToProtocol {
    /// Receives for this consumer.
    pub fn new(consumer: Rc<dyn Transport>) -> Self {
        Self { consumer }
    }
}

impl Protocol for ConsumerToProtocol {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.consumer.write(data);
    }
}

impl fmt::Debug for ProtocolToConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolToConsumer({})", self.protocol.log_prefix())
    }
}

impl fmt::Debug for ConsumerToProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConsumerToProtocol({})", self.consumer.peer())
    }
}
