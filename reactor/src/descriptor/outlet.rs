//! The unsent bytes of one descriptor, with their limits and their producer; Twisted's
//! `abstract.FileDescriptor` as a consumer.
//!
//! Invariant: the producer is called with nothing borrowed, and a queue that passes the cap is told to its
//! owner by the call that filled it.

use interfaces::{AlreadyProducing, BufferLimits, Chunk, Producer, Reason};
use protocol::transport::{ProducerSlot, SendPool, SendQueue, Unsent};
use std::cell::Cell;

/// The bytes on their way into one descriptor.
pub(crate) struct Outlet {
    queue: SendQueue,
    producer: ProducerSlot,
    limits: Cell<BufferLimits>,
    /// How many bytes waited when the pull producer was asked for the piece that it makes now.
    pulling: Cell<Option<usize>>,
}

/// A queue that has passed the cap of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CapExceeded(usize);

impl From<CapExceeded> for Reason {
    fn from(exceeded: CapExceeded) -> Self {
        Self::WriteBufferExceeded { cap: exceeded.0 }
    }
}

impl Outlet {
    pub(crate) fn new(limits: BufferLimits) -> Self {
        Self {
            queue: SendQueue::new(),
            producer: ProducerSlot::new(),
            limits: Cell::new(limits),
            pulling: Cell::new(None),
        }
    }

    /// How many bytes wait.
    pub(crate) fn unsent(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn has_producer(&self) -> bool {
        self.producer.is_registered()
    }

    pub(crate) fn limits(&self) -> BufferLimits {
        self.limits.get()
    }

    pub(crate) fn set_limits(&self, limits: BufferLimits) {
        self.limits.set(limits);
    }

    /// Queues bytes, and pauses the producer above the high-water mark.
    pub(crate) fn queue_bytes(&self, data: &[u8], pool: &SendPool) -> Result<(), CapExceeded> {
        self.queued(self.queue.gather(data, pool))
    }

    /// Queues chunks as they are; as [`queue_bytes`](Self::queue_bytes).
    pub(crate) fn queue_chunks(
        &self,
        chunks: Vec<Chunk>,
        pool: &SendPool,
    ) -> Result<(), CapExceeded> {
        self.queued(self.queue.push_all(chunks, pool))
    }

    fn queued(&self, unsent: usize) -> Result<(), CapExceeded> {
        let BufferLimits { high_water, cap, .. } = self.limits.get();
        // A piece was asked for, so what waited before it does not count against it.
        if unsent.saturating_sub(self.pulling.get().unwrap_or(0)) > cap {
            return Err(CapExceeded(cap));
        }
        if unsent > high_water
            && let Some(producer) = self.producer.pause()
        {
            producer.pause_producing();
        }
        Ok(())
    }

    /// Registers the producer; a pull producer is asked for its first piece.
    pub(crate) fn register(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.producer.register(producer)?;
        let _ = self.queued(self.queue.len());
        if let Some(producer) = self.producer.pull() {
            producer.resume_producing();
        }
        Ok(())
    }

    /// Takes the producer out: to be dropped if it unregistered, to be stopped if its bytes are taken no
    /// more.
    pub(crate) fn take_producer(&self) -> Option<Producer> {
        self.producer.unregister()
    }

    /// Takes the producer out, if it has finished, before a close that would wait for it.
    pub(crate) fn unregister_finished(&self) {
        if self.producer.push().is_some_and(|producer| producer.has_finished()) {
            let producer = self.producer.unregister();
            drop(producer);
        }
    }

    /// All bytes are sent: has the producer make more. Returns whether one was asked.
    pub(crate) fn refill(&self) -> bool {
        if let Some(producer) = self.producer.resume() {
            producer.resume_producing();
            return true;
        }
        let Some(producer) = self.producer.pull() else { return false };
        self.pulling.set(Some(self.queue.len()));
        producer.resume_producing();
        self.pulling.set(None);
        true
    }

    /// The producer's call ended by a panic.
    pub(crate) fn refill_panicked(&self) {
        self.pulling.set(None);
    }

    /// Takes the bytes out to be sent; they are given [back](Self::keep_rest) before anything is queued.
    pub(crate) fn take(&self) -> Option<Box<Unsent>> {
        self.queue.take()
    }

    pub(crate) fn keep_rest(&self, unsent: Box<Unsent>, pool: &SendPool) {
        self.queue.give_back(unsent, pool);
    }

    pub(crate) fn clear(&self, pool: &SendPool) {
        self.queue.clear(pool);
    }
}
