//! [`ProducerSlot`]: the registered producer of a TLS connection, and whether it has to wait.
//!
//! Two ask it to wait: the transport below, whose unsent records pass its mark, and this layer,
//! which holds plaintext until the handshake is done. Invariant: a push producer is told only when
//! the answer to "must it wait?" changes, and always with nothing borrowed.

use std::cell::{Cell, RefCell};

use interfaces::{AlreadyProducing, Producer};

/// The registered producer, if there is one.
#[derive(Default)]
pub(super) struct ProducerSlot {
    producer: RefCell<Option<Producer>>,
    /// The transport below knows of it.
    known_below: Cell<bool>,
    paused_by_below: Cell<bool>,
    paused_by_handshake: Cell<bool>,
}

/// Why a producer has to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum PauseCause {
    /// The transport below has enough unsent records.
    Below,
    /// Enough plaintext waits for the handshake.
    Handshake,
}

/// A producer that was taken out of its slot.
pub(super) struct Unregistered {
    pub(super) producer: Option<Producer>,
    /// The transport below still knows of it.
    pub(super) known_below: bool,
}

impl ProducerSlot {
    #[inline]
    pub(super) fn is_registered(&self) -> bool {
        self.producer.borrow().is_some()
    }

    pub(super) fn producer(&self) -> Option<Producer> {
        self.producer.borrow().clone()
    }

    pub(super) fn register(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.is_registered() {
            return Err(AlreadyProducing);
        }
        self.producer.replace(Some(producer));
        Ok(())
    }

    /// Takes the producer, to be stopped or dropped.
    pub(super) fn unregister(&self) -> Unregistered {
        self.paused_by_below.set(false);
        self.paused_by_handshake.set(false);
        Unregistered { producer: self.producer.take(), known_below: self.known_below.take() }
    }

    /// The producer, to be made known to the transport below; `None` if it is known there already.
    pub(super) fn announce(&self) -> Option<Producer> {
        let producer = self.producer()?;
        (!self.known_below.replace(true)).then_some(producer)
    }

    /// Adds or removes a cause to wait, and tells a push producer if that changes the answer.
    pub(super) fn set_paused(&self, cause: PauseCause, paused: bool) {
        let before = self.is_paused();
        match cause {
            PauseCause::Below => self.paused_by_below.set(paused),
            PauseCause::Handshake => self.paused_by_handshake.set(paused),
        }
        let after = self.is_paused();
        let producer = self.producer();
        match (producer, before, after) {
            (Some(Producer::Push(producer)), false, true) => producer.pause_producing(),
            (Some(Producer::Push(producer)), true, false) => producer.resume_producing(),
            _ => {}
        }
    }

    /// Whether a push producer has to wait.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_by_below.get() || self.paused_by_handshake.get()
    }
}
