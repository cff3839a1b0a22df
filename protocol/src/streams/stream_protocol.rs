//! [`StreamProtocol`]: the protocol below a pair of halves.
//!
//! Invariant: it holds no state of its own but its ticket in the queue of [`Incoming`](super::Incoming).

use alloc::rc::{Rc, Weak};

use interfaces::{HalfCloseableProtocol, Producer, Protocol, PushProducer, Reason, Transport};

use super::shared::StreamShared;

/// Gives the events of its connection to the halves.
pub(super) struct StreamProtocol {
    shared: Rc<StreamShared>,
    /// Called once, when the connection is made.
    on_made: Option<OnMade>,
}

type OnMade = alloc::boxed::Box<dyn FnOnce()>;

impl StreamProtocol {
    pub(super) fn new(shared: Rc<StreamShared>, on_made: Option<OnMade>) -> Self {
        Self { shared, on_made }
    }
}

impl Protocol for StreamProtocol {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let gate = Rc::new(WriteGate(Rc::downgrade(&self.shared)));
        // A transport that was just made has none, and a second one would only not be paused.
        let _ = transport.register_producer(Producer::Push(gate));
        self.shared.connection_made(transport);
        if let Some(on_made) = self.on_made.take() {
            on_made();
        }
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.shared.data_received(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.shared.connection_lost(reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for StreamProtocol {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.shared.read_ended();
    }

    fn write_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.shared.write_ended();
    }
}

/// The producer of the transport: its pauses hold the writing half.
struct WriteGate(Weak<StreamShared>);

impl WriteGate {
    fn set_paused(&self, paused: bool) {
        if let Some(shared) = self.0.upgrade() {
            shared.set_writing_paused(paused);
        }
    }
}

impl PushProducer for WriteGate {
    fn pause_producing(&self) {
        self.set_paused(true);
    }

    fn resume_producing(&self) {
        self.set_paused(false);
    }

    /// The halves hear of the end by the protocol.
    fn stop_producing(&self) {}

    fn has_finished(&self) -> bool {
        self.0.upgrade().is_none_or(|shared| shared.has_closed_writing())
    }
}
