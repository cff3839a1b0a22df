//! [`LayerProducer`]: the registered producer of a TLS connection, and why it has to wait.
//!
//! There are two causes to wait: the transport below, whose unsent records pass its mark, and this
//! layer, which holds plaintext until the handshake is done. Invariant: a push producer is called only
//! when the first cause comes or the last one goes, and always with nothing borrowed.

use std::cell::Cell;

use interfaces::{AlreadyProducing, Producer};
use protocol::transport::ProducerSlot;

/// The registered producer, if there is one.
#[derive(Default)]
pub(super) struct LayerProducer {
    slot: ProducerSlot,
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

/// A producer that was taken out.
pub(super) struct Unregistered {
    pub(super) producer: Option<Producer>,
    /// The transport below still knows of it.
    pub(super) known_below: bool,
}

impl LayerProducer {
    #[inline]
    pub(super) fn is_registered(&self) -> bool {
        self.slot.is_registered()
    }

    pub(super) fn get(&self) -> Option<Producer> {
        self.slot.get()
    }

    pub(super) fn register(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.slot.register(producer)
    }

    /// Notes what a producer knows that was registered elsewhere before: that it is paused. The handshake, which
    /// is still to come, ends the pause.
    pub(super) fn adopt(&self, paused: bool) {
        if paused {
            self.paused_by_handshake.set(true);
            drop(self.slot.pause());
        }
    }

    /// Takes the producer, to be stopped or dropped. No cause to wait outlives it.
    pub(super) fn unregister(&self) -> Unregistered {
        self.paused_by_below.set(false);
        self.paused_by_handshake.set(false);
        Unregistered { producer: self.slot.unregister(), known_below: self.known_below.take() }
    }

    /// The producer, to be made known to the transport below; `None` if it is known there already.
    pub(super) fn announce(&self) -> Option<Producer> {
        let producer = self.get()?;
        (!self.known_below.replace(true)).then_some(producer)
    }

    /// Adds or removes a cause to wait.
    pub(super) fn set_paused(&self, cause: PauseCause, paused: bool) {
        match cause {
            PauseCause::Below => self.paused_by_below.set(paused),
            PauseCause::Handshake => self.paused_by_handshake.set(paused),
        }
        self.update();
    }

    /// Tells a push producer whether it has to wait, unless it knows.
    pub(super) fn update(&self) {
        if self.paused_by_below.get() || self.paused_by_handshake.get() {
            if let Some(producer) = self.slot.pause() {
                producer.pause_producing();
            }
        } else if let Some(producer) = self.slot.resume() {
            producer.resume_producing();
        }
    }
}
