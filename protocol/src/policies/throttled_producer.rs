//! [`ThrottledProducer`]: a producer as the transport below a throttle knows it, in place of the
//! protocol's own.
//!
//! Invariant: the real producer is told only of changes, and of nothing once it is stopped.

use alloc::rc::Rc;
use core::cell::Cell;

use interfaces::{Producer, PullProducer, PushProducer};

/// Passes on what a transport asks of a producer, unless it is throttled.
pub(super) struct ThrottledProducer {
    real: Producer,
    /// The transport asked a push producer to pause.
    is_paused: Cell<bool>,
    is_throttled: Cell<bool>,
    /// A pull producer was asked for a piece while it was throttled.
    owes_piece: Cell<bool>,
    is_stopped: Cell<bool>,
}

impl ThrottledProducer {
    pub(super) fn new(real: Producer, throttled: bool) -> Rc<Self> {
        Rc::new(Self {
            real,
            is_paused: Cell::new(false),
            is_throttled: Cell::new(throttled),
            owes_piece: Cell::new(false),
            is_stopped: Cell::new(false),
        })
    }

    /// As the transport below takes it.
    pub(super) fn as_producer(self: &Rc<Self>) -> Producer {
        match self.real {
            Producer::Push(_) => Producer::Push(self.clone()),
            Producer::Pull(_) => Producer::Pull(self.clone()),
        }
    }

    /// Whether it writes only when it is asked.
    pub(super) fn is_pull(&self) -> bool {
        matches!(self.real, Producer::Pull(_))
    }

    /// It is registered: while the bandwidth is used up, a push producer begins paused.
    pub(super) fn begin(&self) {
        if self.is_throttled.get() && !self.is_paused.get() {
            self.tell_push(true);
        }
    }

    pub(super) fn set_throttled(&self, throttled: bool) {
        if self.is_throttled.replace(throttled) == throttled {
            return;
        }
        if !self.is_paused.get() {
            self.tell_push(throttled);
        }
        if !throttled && self.owes_piece.take() {
            self.pull();
        }
    }

    fn tell_push(&self, paused: bool) {
        match &self.real {
            _ if self.is_stopped.get() => {}
            Producer::Push(real) if paused => real.pause_producing(),
            Producer::Push(real) => real.resume_producing(),
            Producer::Pull(_) => {}
        }
    }

    fn pull(&self) {
        match &self.real {
            Producer::Pull(real) if !self.is_stopped.get() => real.resume_producing(),
            Producer::Pull(_) | Producer::Push(_) => {}
        }
    }

    fn set_paused(&self, paused: bool) {
        if self.is_paused.replace(paused) != paused && !self.is_throttled.get() {
            self.tell_push(paused);
        }
    }

    fn stop(&self) {
        if !self.is_stopped.replace(true) {
            self.real.stop_producing();
        }
    }
}

impl PushProducer for ThrottledProducer {
    fn pause_producing(&self) {
        self.set_paused(true);
    }

    fn resume_producing(&self) {
        self.set_paused(false);
    }

    fn stop_producing(&self) {
        self.stop();
    }

    fn has_finished(&self) -> bool {
        match &self.real {
            Producer::Push(real) => real.has_finished(),
            Producer::Pull(_) => false,
        }
    }
}

impl PullProducer for ThrottledProducer {
    fn resume_producing(&self) {
        if self.is_throttled.get() {
            self.owes_piece.set(true);
        } else {
            self.pull();
        }
    }

    fn stop_producing(&self) {
        self.stop();
    }
}
