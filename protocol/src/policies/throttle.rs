//! [`Throttle`]: one connection of a [`ThrottlingFactory`](super::ThrottlingFactory); Twisted's
//! `ThrottlingProtocol`.
//!
//! Invariant: reading goes on exactly while neither the protocol nor the bandwidth holds it back, and the
//! producer exactly while neither the transport below nor the bandwidth does.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use interfaces::{
    AlreadyProducing, Chunk, Deliver, Event, HalfCloseableTransport, Producer, PushProducer,
    Transport,
};

use super::bandwidth::Bandwidth;
use super::throttled_producer::ThrottledProducer;
use super::throttling_factory::ThrottlePlace;
use crate::layer::{Layer, LayerTransport};

/// Counts the bytes of one connection, and holds them back.
pub(super) struct Throttle {
    reads: Option<Rc<Bandwidth>>,
    writes: Option<Rc<Bandwidth>>,
    place: RefCell<Option<ThrottlePlace>>,
    producer: RefCell<Option<Rc<ThrottledProducer>>>,
    /// The protocol holds back its reading.
    is_paused: Cell<bool>,
    /// The bandwidth holds it back.
    is_throttled: Cell<bool>,
    /// This side has closed it, and nothing is read any more.
    is_closing: Cell<bool>,
}

impl Throttle {
    pub(super) fn new(
        reads: Option<Rc<Bandwidth>>,
        writes: Option<Rc<Bandwidth>>,
        place: ThrottlePlace,
    ) -> Self {
        Self {
            reads,
            writes,
            place: RefCell::new(Some(place)),
            producer: RefCell::default(),
            is_paused: Cell::new(false),
            is_throttled: Cell::new(false),
            is_closing: Cell::new(false),
        }
    }

    /// The reads of all connections are held back, or not any more.
    pub(super) fn throttle_reads(&self, link: &LayerTransport<Self>, throttled: bool) {
        let changes = self.is_throttled.replace(throttled) != throttled;
        if !changes || self.is_paused.get() || self.is_closing.get() {
            return;
        }
        match link.below() {
            Some(below) if throttled => below.pause_producing(),
            Some(below) => below.resume_producing(),
            None => {}
        }
    }

    /// The writes of all connections are held back, or not any more: those of a producer. Other writes are
    /// not, as a transport cannot refuse them.
    pub(super) fn throttle_writes(&self, throttled: bool) {
        let producer = self.producer.borrow().clone();
        if let Some(producer) = producer {
            producer.set_throttled(throttled);
        }
    }

    fn written(&self, bytes: usize) {
        if let Some(writes) = &self.writes {
            writes.passed(bytes);
        }
    }

    fn forget_producer(&self) {
        let producer = self.producer.take();
        drop(producer);
    }
}

impl Layer for Throttle {
    fn deliver(&self, link: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::ConnectionMade(_) => {
                if let Some(reads) = &self.reads {
                    self.throttle_reads(link, reads.is_throttled());
                }
            }
            Event::ConnectionLost(_) => self.released(),
            _ => {}
        }
        above.deliver(event);
    }

    fn received(&self, data: &[u8]) {
        if let Some(reads) = &self.reads {
            reads.passed(data.len());
        }
    }

    fn released(&self) {
        self.is_closing.set(true);
        self.forget_producer();
        let place = self.place.take();
        drop(place);
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.written(data.len());
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        self.written(chunks.iter().map(|chunk| chunk.len()).sum());
        below.write_sequence(chunks);
    }

    fn pause_producing(&self, below: &dyn Transport) {
        self.is_paused.set(true);
        if !self.is_throttled.get() {
            below.pause_producing();
        }
    }

    fn resume_producing(&self, below: &dyn Transport) {
        self.is_paused.set(false);
        if !self.is_throttled.get() {
            below.resume_producing();
        }
    }

    fn stop_producing(&self, below: &dyn Transport) {
        self.is_closing.set(true);
        below.stop_producing();
    }

    fn lose_connection(&self, below: &dyn Transport) {
        self.is_closing.set(true);
        below.lose_connection();
    }

    fn lose_connection_with_reset(&self, below: &dyn Transport) {
        self.is_closing.set(true);
        below.lose_connection_with_reset();
    }

    fn abort_connection(&self, below: &dyn Transport) {
        self.is_closing.set(true);
        below.abort_connection();
    }

    fn lose_write_connection(&self, below: &dyn HalfCloseableTransport) {
        // It is unregistered by it.
        let producer = self.producer.borrow().clone();
        if producer.is_some_and(|producer| PushProducer::has_finished(&*producer)) {
            self.forget_producer();
        }
        below.lose_write_connection();
    }

    fn register_producer(
        &self,
        below: &dyn Transport,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        let Some(writes) = &self.writes else { return below.register_producer(producer) };
        if self.producer.borrow().is_some() {
            return Err(AlreadyProducing);
        }
        let throttled = ThrottledProducer::new(producer, writes.is_throttled());
        // Before it is asked: a pull producer is asked inside this call, and may unregister itself.
        self.producer.replace(Some(throttled.clone()));
        below.register_producer(throttled.as_producer()).inspect_err(|_| self.forget_producer())?;
        throttled.begin();
        Ok(())
    }

    fn unregister_producer(&self, below: &dyn Transport) {
        self.forget_producer();
        below.unregister_producer();
    }
}
