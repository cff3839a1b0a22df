//! The transport of a connection under time limits: what is written through it is activity.
//!
//! Invariant: every call goes to the transport below, with every ability that it has.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, Producer, PushProducer,
    TcpTransport, TlsTransport, Transport, UnixTransport,
};

use super::Silence;

pub(super) struct TimedTransport {
    below: Rc<dyn Transport>,
    silence: Rc<Silence>,
    has_producer: Cell<bool>,
}

impl TimedTransport {
    pub(super) fn over(below: &Rc<dyn Transport>, silence: &Rc<Silence>) -> Rc<Self> {
        let (below, silence) = (below.clone(), silence.clone());
        Rc::new(Self { below, silence, has_producer: Cell::new(false) })
    }

    /// Closes in order, without waiting for a producer to be done.
    pub(super) fn close(&self) {
        if self.has_producer.get() {
            self.unregister_producer();
        }
        self.lose_connection();
    }
}

impl PushProducer for TimedTransport {
    fn pause_producing(&self) {
        self.below.pause_producing();
    }

    fn resume_producing(&self) {
        self.below.resume_producing();
    }

    fn stop_producing(&self) {
        self.below.stop_producing();
    }
}

impl Transport for TimedTransport {
    fn write(&self, data: &[u8]) {
        self.silence.broken();
        self.below.write(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.silence.broken();
        self.below.write_sequence(chunks);
    }

    fn lose_connection(&self) {
        self.below.lose_connection();
    }

    fn abort_connection(&self) {
        self.below.abort_connection();
    }

    fn lose_connection_with_reset(&self) {
        self.below.lose_connection_with_reset();
    }

    fn undelivered_bytes(&self) -> usize {
        self.below.undelivered_bytes()
    }

    fn is_broken(&self) -> bool {
        self.below.is_broken()
    }

    fn raw_descriptor(&self) -> Option<i32> {
        self.below.raw_descriptor()
    }

    fn peer(&self) -> Address {
        self.below.peer()
    }

    fn host(&self) -> Address {
        self.below.host()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.below.describe(f)
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        // A pull producer is asked inside this call, and may unregister itself.
        let before = self.has_producer.replace(true);
        self.below.register_producer(producer).inspect_err(|_| self.has_producer.set(before))
    }

    fn unregister_producer(&self) {
        self.has_producer.set(false);
        self.below.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.below.set_buffer_limits(limits);
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        self.below.as_half_closeable()
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        self.below.as_tcp()
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        self.below.as_unix()
    }

    fn as_tls(&self) -> Option<&dyn TlsTransport> {
        self.below.as_tls()
    }
}
