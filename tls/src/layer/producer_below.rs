//! [`ProducerBelow`]: the producer as the transport below knows it, in place of the protocol's own.
//!
//! Invariant: it owns no connection, so that one whose transport is dropped is dropped, too.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use interfaces::{AlreadyProducing, Producer, PullProducer, PushProducer};

use super::connection::Connection;
use super::producer::PauseCause;

/// How many pieces a pull producer is asked for in a row, at most.
const PIECES_AT_ONCE: u32 = 16;

/// The producer that the transport below calls.
pub(super) struct ProducerBelow {
    connection: Weak<Connection>,
    /// It was asked before: not the first time, which is inside the registering.
    asked: Cell<bool>,
}

impl ProducerBelow {
    /// Makes the producer of an established connection known to the transport below.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] if that has another one.
    pub(super) fn register(connection: &Connection) -> Result<(), AlreadyProducing> {
        let Some(below) = connection.link.below() else { return Ok(()) };
        if !connection.end.state.is_established() {
            return Ok(());
        }
        let Some(producer) = connection.producer.announce() else { return Ok(()) };
        let own = Rc::new(Self { connection: connection.weak(), asked: Cell::new(false) });
        below.register_producer(match producer {
            Producer::Push(_) => Producer::Push(own),
            Producer::Pull(_) => Producer::Pull(own),
        })
    }

    fn set_paused(&self, paused: bool) {
        if let Some(connection) = self.connection.upgrade() {
            connection.producer.set_paused(PauseCause::Below, paused);
        }
    }

    fn stop(&self) {
        if let Some(connection) = self.connection.upgrade()
            && let Some(producer) = connection.producer.unregister().producer
        {
            producer.stop_producing();
        }
    }
}

impl PushProducer for ProducerBelow {
    fn pause_producing(&self) {
        self.set_paused(true);
    }

    fn resume_producing(&self) {
        self.set_paused(false);
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

impl PullProducer for ProducerBelow {
    fn resume_producing(&self) {
        let Some(connection) = self.connection.upgrade() else { return };
        let pieces = if self.asked.replace(true) { PIECES_AT_ONCE } else { 1 };
        connection.batch(|| {
            for _ in 0..pieces {
                if !pull(&connection) {
                    break;
                }
            }
        });
        // The transport below counts the bytes written before this returns, also in another batch.
        connection.send_pending();
    }

    fn stop_producing(&self) {
        self.stop();
    }
}

/// Asks a pull producer for one piece. Returns whether it may be asked again at once: until a push
/// producer would be told to wait. So pieces leave together, which is cheaper.
fn pull(connection: &Connection) -> bool {
    let Some(Producer::Pull(producer)) = connection.producer.get() else { return false };
    let before = connection.output.unsent();
    producer.resume_producing();
    let after = connection.output.unsent();
    // Records are a little longer than their plaintext. Beyond half of the cap another piece of the
    // same size might end the connection.
    let limits = connection.output.limits();
    let mark = limits.high_water.min(limits.cap / 2);
    (before + 1..=mark.saturating_add(mark / 16)).contains(&after)
}
