//! The transport of two descriptors: calls that are thrown over the wall.
//!
//! Invariant: no method here runs protocol code; producers are called with nothing borrowed.

use std::fmt;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, Producer, PushProducer,
    Reason, Transport,
};
use protocol::transport::StreamState;

use super::Stdio;
use crate::sys::{DescriptorSys, StreamSys};

/// Both addresses of the connection.
const NAME: &str = "standard input and output";

impl<S: StreamSys + DescriptorSys> Transport for Stdio<S> {
    fn write(&self, data: &[u8]) {
        if let Some(core) = self.core.upgrade()
            && self.accepts_writes()
        {
            self.queued(&core, self.output.outlet.queue_bytes(data, &core.pipe_pool));
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        if let Some(core) = self.core.upgrade()
            && self.accepts_writes()
        {
            self.queued(&core, self.output.outlet.queue_chunks(chunks, &core.pipe_pool));
        }
    }

    fn lose_connection(&self) {
        if let Some(core) = self.core.upgrade() {
            self.output.outlet.unregister_finished();
            let idle = self.is_idle();
            let next = self.step(|state| state.lose(idle));
            self.follow(&core, next, Reason::Done);
        }
    }

    fn lose_connection_with_reset(&self) {
        if let Some(core) = self.core.upgrade() {
            self.output.outlet.unregister_finished();
            let idle = self.is_idle();
            let next = self.step(|state| state.lose_with_reset(idle));
            self.follow(&core, next, Reason::Aborted);
        }
    }

    fn abort_connection(&self) {
        if let Some(core) = self.core.upgrade() {
            self.schedule_close(&core, Reason::Aborted);
        }
    }

    fn undelivered_bytes(&self) -> usize {
        self.output.outlet.unsent()
    }

    fn peer(&self) -> Address {
        Address::Other(NAME.into())
    }

    fn host(&self) -> Address {
        Address::Other(NAME.into())
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.borrow().clone();
        let number = self.input.token().generation();
        match protocol.map(|protocol| protocol.log_prefix()) {
            Some(prefix) => write!(f, "{prefix} #{number} on {NAME}"),
            None => write!(f, "Transport #{number} on {NAME}, closed"),
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        let Some(core) = self.core.upgrade() else {
            producer.stop_producing();
            return Ok(());
        };
        if !self.state.get().sends() {
            producer.stop_producing();
            return Ok(());
        }
        self.output.outlet.register(producer)?;
        self.output.list(&core);
        Ok(())
    }

    fn unregister_producer(&self) {
        let producer = self.output.outlet.take_producer();
        if let Some(core) = self.core.upgrade()
            && producer.is_some()
        {
            self.output.list(&core);
        }
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.output.outlet.set_limits(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.output.outlet.limits()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        Some(self)
    }
}

impl<S: StreamSys + DescriptorSys> PushProducer for Stdio<S> {
    fn pause_producing(&self) {
        self.paused.set(true);
    }

    fn resume_producing(&self) {
        if self.paused.replace(false)
            && let Some(core) = self.core.upgrade()
            && self.state.get().receives()
            && self.input.may_bring_bytes()
        {
            self.input.list(&core);
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }

    fn has_finished(&self) -> bool {
        !self.state.get().receives()
    }
}

impl<S: StreamSys + DescriptorSys> HalfCloseableTransport for Stdio<S> {
    fn lose_write_connection(&self) {
        if let Some(core) = self.core.upgrade() {
            self.output.outlet.unregister_finished();
            let next = self.step(StreamState::lose_write);
            self.follow(&core, next, Reason::Done);
        }
    }
}
