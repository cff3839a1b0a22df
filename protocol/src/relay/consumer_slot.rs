//! [`ConsumerSlot`]: the place of a transport that a producer feeds, for what joins two transports.
//!
//! Invariant: the producer is unregistered once, and before each close, which would wait for it.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::fmt;

use interfaces::{Producer, PushProducer, Transport};

/// One of two transports that a relay joins: its place, which is empty before the connection is made and when
/// it is lost. Calls to an empty one do nothing. Twisted's `portforward` registers its peers so.
///
/// A [`RelayFactory`](super::RelayFactory) has two of them for each pair; keep two to join transports
/// that come by other ways. Each is fed by the other one, so that a side that does not read pauses the
/// side that it would read from.
#[derive(Default)]
pub struct ConsumerSlot {
    transport: RefCell<Option<Rc<dyn Transport>>>,
    fed: Cell<bool>,
}

impl ConsumerSlot {
    /// The connection was made.
    pub fn fill(&self, transport: &Rc<dyn Transport>) {
        let before = self.transport.replace(Some(transport.clone()));
        drop(before);
    }

    /// The connection is lost.
    pub fn clear(&self) {
        let transport = self.transport.take();
        drop(transport);
    }

    /// The transport, if there is one.
    #[inline(always)]
    pub fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.transport.borrow().is_none()
    }

    /// Queues bytes.
    pub fn write(&self, data: &[u8]) {
        if let Some(transport) = self.transport() {
            transport.write(data);
        }
    }

    /// Registers the producer, unless the transport has one of its own.
    pub fn feed_from(&self, producer: Rc<dyn PushProducer>) {
        if let Some(transport) = self.transport() {
            self.fed.set(transport.register_producer(Producer::Push(producer)).is_ok());
        }
    }

    /// Unregisters the producer, which brings no more; returns the transport.
    pub fn unfeed(&self) -> Option<Rc<dyn Transport>> {
        let transport = self.transport()?;
        if self.fed.take() {
            transport.unregister_producer();
        }
        Some(transport)
    }

    /// Sends the end of file behind the queued bytes; a transport that has no half of its own is closed.
    pub fn end_writing(&self) {
        if let Some(transport) = self.unfeed() {
            match transport.as_half_closeable() {
                Some(half_closeable) => half_closeable.lose_write_connection(),
                None => transport.lose_connection(),
            }
        }
    }

    /// Closes behind the queued bytes.
    pub fn lose(&self) {
        if let Some(transport) = self.unfeed() {
            transport.lose_connection();
        }
    }

    /// Sends the queued bytes, and then a reset.
    pub fn lose_with_reset(&self) {
        if let Some(transport) = self.unfeed() {
            transport.lose_connection_with_reset();
        }
    }

    /// Closes at once.
    pub fn abort(&self) {
        if let Some(transport) = self.unfeed() {
            transport.abort_connection();
        }
    }
}

impl fmt::Debug for ConsumerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerSlot")
            .field("is_filled", &self.transport.borrow().is_some())
            .field("is_fed", &self.fed.get())
            .finish()
    }
}
