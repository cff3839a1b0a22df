//! [`ProducerConsumerProxy`]: a joint between a producer and a consumer that keeps a bounded number of
//! bytes; Twisted's class of that name.
//!
//! Invariant: a push producer is paused while as many bytes are kept as the buffer has room for, or more;
//! so beyond it there is at most one write.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use interfaces::{AlreadyProducing, Producer, PullProducer, PushProducer};

use super::basic_proxy::Pulls;
use super::consumer::Consumer;
use crate::transport::ProducerSlot;

/// Stands between any producer and any consumer, as [`BasicProducerConsumerProxy`] does, but the consumer's
/// pauses end here: the producer goes on until the buffer is full.
///
/// It unregisters from its consumer when its producer has done so and all is written.
///
/// # Differences from Twisted
///
/// A pull producer before a consumer that does not pull is asked again until the consumer pauses; Twisted
/// asks once. A push producer is resumed only after a pause.
///
/// [`BasicProducerConsumerProxy`]: super::BasicProducerConsumerProxy
pub struct ProducerConsumerProxy {
    options: ProxyOptions,
    consumer: RefCell<Option<Rc<dyn Consumer>>>,
    producer: ProducerSlot,
    kept: RefCell<Vec<u8>>,
    pulls: Pulls,
    is_paused: Cell<bool>,
    /// The consumer has asked for a piece that has not come.
    is_asked: Cell<bool>,
    ending: Cell<ProxyEnding>,
    /// How often something was written, to see whether a pull brought anything.
    writes: Cell<u64>,
    is_pulling: Cell<bool>,
}

/// How much a [`ProducerConsumerProxy`] keeps, and passes on.
#[derive(Clone, Copy, Debug)]
pub struct ProxyOptions {
    buffer_size: usize,
    piece_max: usize,
}

/// What becomes of the consumer when all is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProxyEnding {
    NotYet,
    Unregister,
    Finish,
    Over,
}

impl ProxyOptions {
    /// 64 KiB are kept, and pieces are as long as they are.
    pub const fn new() -> Self {
        Self { buffer_size: 65_536, piece_max: usize::MAX }
    }

    /// With another number of kept bytes that pauses the producer. Twisted's `bufferSize`.
    #[doc(alias = "bufferSize")]
    #[must_use]
    pub fn with_buffer_size(mut self, buffer_size: usize) -> Self {
        self.buffer_size = buffer_size;
        self
    }

    /// With a bound on the piece that a consumer gets for each time that it asks, in bytes; 0 counts as 1.
    #[must_use]
    pub fn with_piece_max(mut self, piece_max: usize) -> Self {
        self.piece_max = piece_max.max(1);
        self
    }
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ProducerConsumerProxy {
    /// A proxy that its consumer pauses and resumes. It registers with the consumer.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when the consumer has a producer.
    pub fn push(
        consumer: impl Consumer + 'static,
        options: ProxyOptions,
    ) -> Result<Rc<Self>, AlreadyProducing> {
        let consumer = Rc::new(consumer);
        let proxy = Rc::new(Self::over(consumer.clone(), options, Pulls::No));
        consumer.register_producer(Producer::Push(proxy.clone()))?;
        Ok(proxy)
    }

    /// A proxy that its consumer asks for each piece.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when the consumer has a producer.
    pub fn pull(
        consumer: impl Consumer + 'static,
        options: ProxyOptions,
    ) -> Result<Rc<Self>, AlreadyProducing> {
        let consumer = Rc::new(consumer);
        let proxy = Rc::new(Self::over(consumer.clone(), options, Pulls::Yes));
        consumer.register_producer(Producer::Pull(proxy.clone()))?;
        Ok(proxy)
    }

    fn over(consumer: Rc<dyn Consumer>, options: ProxyOptions, pulls: Pulls) -> Self {
        Self {
            options,
            consumer: RefCell::new(Some(consumer)),
            producer: ProducerSlot::new(),
            kept: RefCell::default(),
            pulls,
            is_paused: Cell::new(false),
            is_asked: Cell::new(false),
            ending: Cell::new(ProxyEnding::NotYet),
            writes: Cell::new(0),
            is_pulling: Cell::new(false),
        }
    }

    fn consumer(&self) -> Option<Rc<dyn Consumer>> {
        self.consumer.borrow().clone()
    }

    fn kept(&self) -> usize {
        self.kept.borrow().len()
    }

    /// The longest piece that may be written now.
    fn piece_max(&self) -> usize {
        match (self.pulls, self.ending.get()) {
            (Pulls::Yes, ProxyEnding::NotYet | ProxyEnding::Unregister | ProxyEnding::Finish) => {
                self.options.piece_max
            }
            (Pulls::No, _) | (_, ProxyEnding::Over) => usize::MAX,
        }
    }

    /// Writes one piece of the bytes, and keeps the rest.
    fn write_piece(&self, consumer: &dyn Consumer, data: &[u8]) {
        let (piece, rest) = data.split_at(data.len().min(self.piece_max()));
        self.is_asked.set(false);
        self.kept.borrow_mut().extend_from_slice(rest);
        consumer.write(piece);
    }

    fn resume(&self) {
        self.is_paused.set(false);
        let kept = self.kept.take();
        match self.consumer() {
            Some(consumer) if !kept.is_empty() => self.write_piece(&*consumer, &kept),
            Some(_) | None => self.is_asked.set(self.pulls == Pulls::Yes),
        }
        self.end_if_written();
        if self.kept() < self.options.buffer_size
            && let Some(producer) = self.producer.resume()
        {
            producer.resume_producing();
        }
        self.pull_on();
    }

    /// Asks a pull producer, for as long as the consumer takes what it brings.
    fn pull_on(&self) {
        if self.is_pulling.replace(true) {
            return;
        }
        while self.takes_pieces() && self.ask() {}
        self.is_pulling.set(false);
    }

    fn takes_pieces(&self) -> bool {
        match self.pulls {
            Pulls::Yes => self.is_asked.get(),
            Pulls::No => !self.is_paused.get(),
        }
    }

    /// Asks a pull producer once; answers whether it brought anything.
    fn ask(&self) -> bool {
        let before = self.writes.get();
        if let Some(producer) = self.producer.pull() {
            producer.resume_producing();
        }
        self.writes.get() != before
    }

    fn stop(&self) {
        self.ending.set(ProxyEnding::Over);
        let consumer = self.consumer.take();
        drop(consumer);
        drop(self.kept.take());
        if let Some(producer) = self.producer.unregister() {
            producer.stop_producing();
        }
    }

    /// Leaves the consumer, if the producer has left and nothing is kept.
    fn end_if_written(&self) {
        let ending = self.ending.get();
        let is_due = matches!(ending, ProxyEnding::Unregister | ProxyEnding::Finish);
        if let (Some(consumer), true, 0) = (self.consumer(), is_due, self.kept()) {
            self.ending.set(ProxyEnding::Over);
            if ending == ProxyEnding::Finish {
                consumer.finish();
            }
            consumer.unregister_producer();
        }
    }
}

impl PushProducer for ProducerConsumerProxy {
    fn pause_producing(&self) {
        self.is_paused.set(true);
    }

    fn resume_producing(&self) {
        self.resume();
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

impl PullProducer for ProducerConsumerProxy {
    fn resume_producing(&self) {
        self.resume();
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

impl Consumer for ProducerConsumerProxy {
    /// After [`PushProducer::stop_producing`] the bytes are dropped.
    fn write(&self, data: &[u8]) {
        let Some(consumer) = self.consumer() else { return };
        self.writes.set(self.writes.get().wrapping_add(1));
        let is_over = self.ending.get() == ProxyEnding::Over;
        if is_over || (self.takes_pieces() && self.kept() == 0) {
            self.write_piece(&*consumer, data);
        } else {
            self.kept.borrow_mut().extend_from_slice(data);
        }
        if self.kept() >= self.options.buffer_size
            && let Some(producer) = self.producer.pause()
        {
            producer.pause_producing();
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.consumer.borrow().is_none() {
            producer.stop_producing();
            return Ok(());
        }
        self.producer.register(producer)?;
        if self.ending.get() != ProxyEnding::Over {
            self.ending.set(ProxyEnding::NotYet);
        }
        // The first piece is fetched before it is asked for.
        if self.ask() {
            self.pull_on();
        }
        Ok(())
    }

    fn unregister_producer(&self) {
        drop(self.producer.unregister());
        if self.ending.get() == ProxyEnding::NotYet {
            self.ending.set(ProxyEnding::Unregister);
        }
        self.end_if_written();
    }

    fn finish(&self) {
        drop(self.producer.unregister());
        if self.ending.get() != ProxyEnding::Over {
            self.ending.set(ProxyEnding::Finish);
        }
        self.end_if_written();
    }
}

impl fmt::Debug for ProducerConsumerProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerConsumerProxy")
            .field("producer", &self.producer)
            .field("kept", &self.kept())
            .field("ending", &self.ending.get())
            .finish_non_exhaustive()
    }
}
