//! A process as the transport of a stream protocol; Twisted's `_ProcessEndpointTransport`.
//!
//! Invariant: every call goes to the process's own transport, which drops it when the process has ended.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, ProcessTransport,
    Producer, PushProducer, Reason, Transport,
};

use super::kill;

/// Standard input and output of one process.
pub(super) struct ProcessStream {
    process: Rc<dyn ProcessTransport>,
    address: Address,
    /// The reason of the end, where that is not the process's.
    reason: RefCell<Option<Reason>>,
}

impl ProcessStream {
    pub(super) fn new(process: Rc<dyn ProcessTransport>, address: Address) -> Self {
        Self { process, address, reason: RefCell::default() }
    }

    /// The connection has failed for this reason; the first one stays.
    pub(super) fn ends_with(&self, reason: Reason) {
        if self.reason.borrow().is_none() {
            self.reason.replace(Some(reason));
        }
    }

    /// Takes the reason that was set.
    pub(super) fn end(&self) -> Option<Reason> {
        self.reason.take()
    }
}

impl Transport for ProcessStream {
    fn write(&self, data: &[u8]) {
        self.process.write(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.process.write_sequence(chunks);
    }

    fn lose_connection(&self) {
        self.process.lose_connection();
    }

    fn abort_connection(&self) {
        self.ends_with(Reason::Aborted);
        kill(&*self.process);
    }

    fn peer(&self) -> Address {
        self.address.clone()
    }

    fn host(&self) -> Address {
        self.address.clone()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process.pid() {
            Some(pid) => write!(f, "Transport({} {pid})", self.address),
            None => write!(f, "Transport({}, ended)", self.address),
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.process.register_producer(producer)
    }

    fn unregister_producer(&self) {
        self.process.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.process.set_buffer_limits(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.process.buffer_limits()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }
}

impl PushProducer for ProcessStream {
    fn pause_producing(&self) {
        self.process.pause_producing();
    }

    fn resume_producing(&self) {
        self.process.resume_producing();
    }

    fn stop_producing(&self) {
        self.process.stop_producing();
    }
}

impl HalfCloseableTransport for ProcessStream {
    fn lose_write_connection(&self) {
        self.process.close_stdin();
    }
}
