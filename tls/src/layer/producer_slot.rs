//! Who produces what a TLS connection sends, and whether it has to wait.
//!
//! Two may ask it to wait: the transport below, whose unsent records pass its mark, and this layer,
//! which holds plaintext until the handshake is done. Invariant: a push producer is told only when
//! the answer to "must it wait?" changes, and always with nothing borrowed.

use std::cell::{Cell, RefCell};
use std::rc::Weak;

use interfaces::{AlreadyProducing, Producer, PullProducer, PushProducer};

use super::connection::Connection;

/// How many pieces a pull producer is asked for in a row, at most.
const PIECES_AT_ONCE: u32 = 16;

/// The registered producer, if there is one.
#[derive(Default)]
pub(super) struct Producing {
    producer: RefCell<Option<Producer>>,
    /// Whether the transport below knows of it.
    below: Cell<bool>,
    waits_for_below: Cell<bool>,
    waits_for_handshake: Cell<bool>,
}

/// Who asks a producer to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Brake {
    Below,
    Handshake,
}

impl Producing {
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

    /// Says that the transport below gets to know of it; `false` if it does already or there is
    /// none.
    pub(super) fn enter_below(&self) -> bool {
        self.is_registered() && !self.below.replace(true)
    }

    /// Forgets it. Gives it back, to be stopped or dropped, with whether the transport below still
    /// knows of it.
    pub(super) fn forget(&self) -> (Option<Producer>, bool) {
        self.waits_for_below.set(false);
        self.waits_for_handshake.set(false);
        (self.producer.take(), self.below.take())
    }

    /// One of the two changed its mind.
    pub(super) fn set(&self, brake: Brake, waits: bool) {
        let before = self.waits();
        match brake {
            Brake::Below => self.waits_for_below.set(waits),
            Brake::Handshake => self.waits_for_handshake.set(waits),
        }
        let after = self.waits();
        let producer = self.producer();
        match (producer, before, after) {
            (Some(Producer::Push(producer)), false, true) => producer.pause_producing(),
            (Some(Producer::Push(producer)), true, false) => producer.resume_producing(),
            _ => {}
        }
    }

    /// Whether a push producer must wait now.
    pub(super) fn waits(&self) -> bool {
        self.waits_for_below.get() || self.waits_for_handshake.get()
    }
}

impl Connection {
    /// Asks a pull producer for one piece. Answers whether it may be asked again at once: until a
    /// push producer would be told to wait. So pieces leave together, which is cheaper.
    fn pull(&self) -> bool {
        let producer = self.producing().producer();
        let Some(Producer::Pull(producer)) = producer else { return false };
        let before = self.waiting();
        producer.resume_producing();
        let after = self.waiting();
        // Records are a little longer than their plaintext. Beyond half of the cap another piece of
        // the same size might end the connection.
        let limits = self.limits();
        let mark = limits.high_water.min(limits.cap / 2);
        (before + 1..=mark.saturating_add(mark / 16)).contains(&after)
    }
}

/// What the transport below knows as its producer.
pub(super) struct ProducerBelow {
    connection: Weak<Connection>,
    /// It was asked before: not the first time, which is inside the registering.
    asked: Cell<bool>,
}

impl ProducerBelow {
    pub(super) fn new(connection: Weak<Connection>) -> Self {
        Self { connection, asked: Cell::new(false) }
    }

    fn stop(&self) {
        if let Some(connection) = self.connection.upgrade() {
            let (producer, _) = connection.producing().forget();
            if let Some(producer) = producer {
                producer.stop_producing();
            }
        }
    }
}

impl PushProducer for ProducerBelow {
    fn pause_producing(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.producing().set(Brake::Below, true);
        }
    }

    fn resume_producing(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.producing().set(Brake::Below, false);
        }
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

impl PullProducer for ProducerBelow {
    fn resume_producing(&self) {
        let Some(connection) = self.connection.upgrade() else { return };
        let most = if self.asked.replace(true) { PIECES_AT_ONCE } else { 1 };
        let gathering = connection.gather();
        for _ in 0..most {
            if !connection.pull() {
                break;
            }
        }
        drop(gathering);
        // The transport below counts what it was given before this returns.
        connection.flush();
        connection.settle();
    }

    fn stop_producing(&self) {
        self.stop();
    }
}
