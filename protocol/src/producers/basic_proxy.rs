//! [`BasicProducerConsumerProxy`]: a joint between a producer and a consumer; Twisted's class of that name.
//!
//! Invariant: bytes that wait here were written before all bytes that the consumer has not got yet.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use interfaces::{AlreadyProducing, Producer, PullProducer, PushProducer};

use super::consumer::Consumer;
use crate::transport::ProducerSlot;

/// Stands between any producer and any consumer: it is the consumer's producer, and the producer's
/// consumer. A pause passes on to the producer, and what that writes anyway is kept without a bound; see
/// [`ProducerConsumerProxy`](super::ProducerConsumerProxy) for one with a bound.
///
/// # Differences from Twisted
///
/// When the producer unregisters or finishes during a pause, what is kept is written first, and not lost. A
/// second producer is refused, and one that comes after the end is stopped.
pub struct BasicProducerConsumerProxy {
    consumer: RefCell<Option<Rc<dyn Consumer>>>,
    producer: ProducerSlot,
    kept: RefCell<Vec<u8>>,
    pulls: Pulls,
    is_paused: Cell<bool>,
    /// The consumer has asked for a piece that has not come.
    is_asked: Cell<bool>,
    /// It has unregistered from the consumer, which neither pauses it nor asks for pieces any more.
    has_left: Cell<bool>,
}

/// How the consumer treats a proxy: Twisted's `iAmStreaming`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulls {
    /// It pauses it.
    No,
    /// It asks for each piece.
    Yes,
}

impl BasicProducerConsumerProxy {
    /// A proxy that its consumer pauses and resumes. It registers with the consumer.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when the consumer has a producer.
    pub fn push(consumer: impl Consumer + 'static) -> Result<Rc<Self>, AlreadyProducing> {
        let proxy = Rc::new(Self::over(Rc::new(consumer), Pulls::No));
        proxy.register(Producer::Push(proxy.clone()))?;
        Ok(proxy)
    }

    /// A proxy that its consumer asks for each piece, which is all that has been written since the last one.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when the consumer has a producer.
    pub fn pull(consumer: impl Consumer + 'static) -> Result<Rc<Self>, AlreadyProducing> {
        let proxy = Rc::new(Self::over(Rc::new(consumer), Pulls::Yes));
        proxy.register(Producer::Pull(proxy.clone()))?;
        Ok(proxy)
    }

    fn over(consumer: Rc<dyn Consumer>, pulls: Pulls) -> Self {
        Self {
            consumer: RefCell::new(Some(consumer)),
            producer: ProducerSlot::new(),
            kept: RefCell::default(),
            pulls,
            is_paused: Cell::new(false),
            is_asked: Cell::new(false),
            has_left: Cell::new(false),
        }
    }

    fn register(&self, proxy: Producer) -> Result<(), AlreadyProducing> {
        self.consumer().map_or(Ok(()), |consumer| consumer.register_producer(proxy))
    }

    fn consumer(&self) -> Option<Rc<dyn Consumer>> {
        self.consumer.borrow().clone()
    }

    /// Writes what is kept; answers whether that was anything.
    fn flush(&self) -> bool {
        let kept = self.kept.take();
        if let (Some(consumer), false) = (self.consumer(), kept.is_empty()) {
            consumer.write(&kept);
        }
        !kept.is_empty()
    }

    fn resume(&self) {
        self.is_paused.set(false);
        if !self.flush() && self.pulls == Pulls::Yes {
            self.is_asked.set(true);
        }
        if let Some(producer) = self.producer.resume() {
            producer.resume_producing();
        } else if let Some(producer) = self.producer.pull() {
            producer.resume_producing();
        }
    }

    fn stop(&self) {
        let consumer = self.consumer.take();
        drop(consumer);
        drop(self.kept.take());
        if let Some(producer) = self.producer.unregister() {
            producer.stop_producing();
        }
    }
}

impl PushProducer for BasicProducerConsumerProxy {
    fn pause_producing(&self) {
        self.is_paused.set(true);
        if let Some(producer) = self.producer.pause() {
            producer.pause_producing();
        }
    }

    fn resume_producing(&self) {
        self.resume();
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

impl PullProducer for BasicProducerConsumerProxy {
    fn resume_producing(&self) {
        self.resume();
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

impl Consumer for BasicProducerConsumerProxy {
    /// After [`PushProducer::stop_producing`] the bytes are dropped.
    fn write(&self, data: &[u8]) {
        let Some(consumer) = self.consumer() else { return };
        let waits_to_be_asked = self.pulls == Pulls::Yes && !self.is_asked.get();
        if (self.is_paused.get() || waits_to_be_asked) && !self.has_left.get() {
            self.kept.borrow_mut().extend_from_slice(data);
        } else {
            self.is_asked.set(false);
            consumer.write(data);
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.consumer.borrow().is_none() {
            producer.stop_producing();
            return Ok(());
        }
        self.producer.register(producer)
    }

    fn unregister_producer(&self) {
        drop(self.producer.unregister());
        self.flush();
        if let (Some(consumer), false) = (self.consumer(), self.has_left.replace(true)) {
            consumer.unregister_producer();
        }
    }

    fn finish(&self) {
        self.flush();
        if let Some(consumer) = self.consumer() {
            consumer.finish();
        }
        self.unregister_producer();
    }
}

impl fmt::Debug for BasicProducerConsumerProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicProducerConsumerProxy")
            .field("producer", &self.producer)
            .field("kept", &self.kept.borrow().len())
            .finish_non_exhaustive()
    }
}
