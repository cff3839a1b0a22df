//! [`RateLimit`]: one connection of a [`RateLimitFactory`](super::RateLimitFactory), whose bytes each way are paid
//! for in time.
//!
//! ```text
//!            bytes beyond the burst                 they are paid for
//!  Flowing ──────────────────────────▶ held, a timer ─────────────────▶ Flowing
//! ```
//!
//! Invariant: a way has a timer only from bytes beyond its burst until they are paid for.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use interfaces::{
    AlreadyProducing, Chunk, DelayedCall, Deliver, Event, HalfCloseableTransport, Producer,
    PushProducer, Transport,
};

use super::rate_limit_factory::RateContext;
use super::throttled_producer::ThrottledProducer;
use crate::layer::{Layer, LayerTransport};

/// The time whose bytes pass at once after a silence.
const BURST: Duration = Duration::from_millis(100);

/// Holds back the bytes of one connection.
pub(super) struct RateLimit {
    context: Rc<RateContext>,
    link: RefCell<Weak<LayerTransport<Self>>>,
    reads: PaidWay,
    writes: PaidWay,
    producer: RefCell<Option<Rc<ThrottledProducer>>>,
    /// The protocol holds back its reading.
    is_paused: Cell<bool>,
    /// The rate holds it back.
    is_held: Cell<bool>,
    /// This side has closed it, and nothing is read any more.
    is_closing: Cell<bool>,
}

/// One direction of a connection.
#[derive(Default)]
struct PaidWay {
    /// When all that passed is paid for.
    paid_at: Cell<Duration>,
    timer: RefCell<Option<DelayedCall>>,
}

/// Called by a timer.
type OnPaid = fn(&RateLimit);

impl PaidWay {
    /// These bytes pass now. Returns how long the next ones have to wait.
    fn pass(&self, bytes: usize, context: &RateContext) -> Duration {
        let Some(rate) = context.rate() else { return Duration::ZERO };
        let now = context.clock.now();
        let from = self.paid_at.get().max(now.saturating_sub(BURST));
        self.paid_at.set(from.saturating_add(time_of(bytes, rate)));
        self.wait(now)
    }

    fn wait(&self, now: Duration) -> Duration {
        self.paid_at.get().saturating_sub(now)
    }

    fn set_timer(&self, timer: Option<DelayedCall>) {
        let before = self.timer.replace(timer);
        if let Some(before) = before {
            // One that has run is not pending.
            let _ = before.cancel();
        }
    }

    fn has_timer(&self) -> bool {
        self.timer.borrow().is_some()
    }

    fn lift(&self) {
        self.paid_at.set(Duration::ZERO);
        self.set_timer(None);
    }
}

/// How long these bytes take at `rate` bytes per second, which is above zero.
fn time_of(bytes: usize, rate: u64) -> Duration {
    let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl RateLimit {
    pub(super) fn new(context: Rc<RateContext>) -> Self {
        Self {
            context,
            link: RefCell::default(),
            reads: PaidWay::default(),
            writes: PaidWay::default(),
            producer: RefCell::default(),
            is_paused: Cell::new(false),
            is_held: Cell::new(false),
            is_closing: Cell::new(false),
        }
    }

    /// There is no limit any more: what is held goes on.
    pub(super) fn lift(&self) {
        self.reads.lift();
        self.writes.lift();
        self.hold_reads(false);
        self.hold_writes(false);
    }

    fn below(&self) -> Option<Rc<dyn Transport>> {
        let link = self.link.borrow().upgrade()?;
        link.below().cloned()
    }

    fn later(&self, way: &PaidWay, delay: Duration, due: OnPaid) {
        let link = self.link.borrow().clone();
        let call = move || link.upgrade().into_iter().for_each(|link| due(link.layer()));
        way.set_timer(Some(self.context.clock.call_later(delay, Box::new(call))));
    }

    fn hold_reads(&self, is_held: bool) {
        let changes = self.is_held.replace(is_held) != is_held;
        if !changes || self.is_paused.get() || self.is_closing.get() {
            return;
        }
        match self.below() {
            Some(below) if is_held => below.pause_producing(),
            Some(below) => below.resume_producing(),
            None => {}
        }
    }

    fn reads_are_paid(&self) {
        self.reads.set_timer(None);
        self.hold_reads(false);
    }

    /// Holds the producer back, or lets it go. Other writes are not held back, as a transport cannot refuse them.
    fn hold_writes(&self, is_held: bool) {
        let producer = self.producer.borrow().clone();
        if let Some(producer) = producer {
            producer.set_throttled(is_held);
        }
    }

    /// Called by a timer for a push producer, which may be a protocol that must not be called while it writes.
    fn look_at_writes(&self) {
        let wait = self.writes.wait(self.context.clock.now());
        if wait.is_zero() {
            self.writes.set_timer(None);
            return self.hold_writes(false);
        }
        self.later(&self.writes, wait, Self::look_at_writes);
        self.hold_writes(true);
    }

    fn written(&self, bytes: usize) {
        let wait = self.writes.pass(bytes, &self.context);
        if wait.is_zero() || self.writes.has_timer() {
            return;
        }
        let producer = self.producer.borrow().clone();
        if producer.is_some_and(|producer| producer.is_pull()) {
            // It is only not asked for more, which runs none of its code; it may be asked again in this turn.
            self.look_at_writes();
        } else {
            self.later(&self.writes, Duration::ZERO, Self::look_at_writes);
        }
    }

    fn forget_producer(&self) {
        let producer = self.producer.take();
        drop(producer);
    }
}

impl Layer for RateLimit {
    fn deliver(&self, link: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::ConnectionMade(_) => drop(self.link.replace(link.downgrade())),
            Event::ConnectionLost(_) => self.released(),
            _ => {}
        }
        above.deliver(event);
    }

    fn received(&self, data: &[u8]) {
        let wait = self.reads.pass(data.len(), &self.context);
        if !wait.is_zero() {
            self.later(&self.reads, wait, Self::reads_are_paid);
            self.hold_reads(true);
        }
    }

    fn released(&self) {
        self.is_closing.set(true);
        self.reads.set_timer(None);
        self.writes.set_timer(None);
        self.forget_producer();
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
        if !self.is_held.get() {
            below.pause_producing();
        }
    }

    fn resume_producing(&self, below: &dyn Transport) {
        self.is_paused.set(false);
        if !self.is_held.get() {
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
        if self.producer.borrow().is_some() {
            return Err(AlreadyProducing);
        }
        let is_held = !self.writes.wait(self.context.clock.now()).is_zero();
        let throttled = ThrottledProducer::new(producer, is_held);
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
