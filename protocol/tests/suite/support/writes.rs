//! A transport that keeps each write by itself.
//!
//! Invariant: nothing else is done with a write.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Producer, PushProducer, Transport,
};
use ropewalk_protocol::testing::StringTransport;

/// The writes, in order; the rest is a [`StringTransport`]'s.
pub(crate) struct Writes {
    pub(crate) noted: RefCell<Vec<Vec<u8>>>,
    other: Rc<StringTransport>,
}

impl Writes {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { noted: RefCell::default(), other: StringTransport::new() })
    }

    pub(crate) fn as_transport(self: &Rc<Self>) -> Rc<dyn Transport> {
        self.clone()
    }

    /// Takes the writes since the last time.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        self.noted.take()
    }
}

impl PushProducer for Writes {
    fn pause_producing(&self) {
        self.other.pause_producing();
    }

    fn resume_producing(&self) {
        self.other.resume_producing();
    }

    fn stop_producing(&self) {
        self.other.stop_producing();
    }
}

impl Transport for Writes {
    fn write(&self, data: &[u8]) {
        self.noted.borrow_mut().push(data.to_vec());
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        chunks.iter().for_each(|chunk| self.write(chunk));
    }

    fn lose_connection(&self) {
        self.other.lose_connection();
    }

    fn abort_connection(&self) {
        self.other.abort_connection();
    }

    fn peer(&self) -> Address {
        self.other.peer()
    }

    fn host(&self) -> Address {
        self.other.host()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.other.register_producer(producer)
    }

    fn unregister_producer(&self) {
        self.other.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.other.set_buffer_limits(limits);
    }
}
