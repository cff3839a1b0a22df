//! What waits to be delivered, and when it is: the protocol was paused, or the call that causes it
//! came from the protocol itself.
//!
//! Invariant: the order is data, the peer's end, and only then more from below; and nothing is
//! delivered inside a call of the protocol.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Event, Producer, Reason};

use super::TlsLayer;
use super::connection::Connection;
use super::producer_slot::{Brake, ProducerBelow};
use super::state::{Ending, Phase, Sending};

/// What waits to be delivered.
#[derive(Default)]
pub(super) struct Inbox {
    /// Plaintext that arrived while the protocol was paused, or before the handshake was done.
    pub(super) held: RefCell<Vec<u8>>,
    /// The protocol does not want data now.
    pub(super) paused: Cell<bool>,
    /// The transport below knows that. Not before the handshake is done, which has to read.
    pub(super) paused_below: Cell<bool>,
    /// The peer's `close_notify` has arrived.
    pub(super) peer_closed: Cell<bool>,
    /// The peer's `close_notify` is not delivered yet.
    pub(super) end_due: Cell<bool>,
    /// The end of our sending is not delivered yet, and nobody below will tell.
    pub(super) write_end_due: Cell<bool>,
    /// A delayed call will look here.
    pub(super) scheduled: Cell<bool>,
}

impl Connection {
    /// The handshake is done, and the protocol knows: data flows.
    pub(super) fn establish(&self) {
        self.phase.set(Phase::Established);
        if self.inbox.paused.get() {
            self.pause_below();
        }
        // The transport below has to know the producer before it gets what was held, so that it can
        // ask for a pause.
        self.register_below();
        self.flush();
        self.producing().set(Brake::Handshake, false);
    }

    /// Makes the producer known to the transport below, once data can flow. `false` if that has
    /// another one.
    pub(super) fn register_below(&self) -> bool {
        let Some(below) = self.below.get() else { return true };
        if self.phase.get() != Phase::Established || !self.producing().enter_below() {
            return true;
        }
        let adapter = Rc::new(ProducerBelow::new(self.me.clone()));
        let registered = match self.producing().producer() {
            Some(Producer::Push(_)) => below.register_producer(Producer::Push(adapter)),
            Some(Producer::Pull(_)) => below.register_producer(Producer::Pull(adapter)),
            None => Ok(()),
        };
        registered.is_ok()
    }

    pub(super) fn can_deliver(&self) -> bool {
        self.phase.get() == Phase::Established && !self.inbox.paused.get()
    }

    /// Whether something waits for `deliver_due`.
    pub(super) fn is_due(&self) -> bool {
        let inbox = &self.inbox;
        inbox.write_end_due.get() || inbox.end_due.get() || !inbox.held.borrow().is_empty()
    }

    /// Has `deliver_due` called from the reactor's turn.
    pub(super) fn schedule(&self) {
        if self.inbox.scheduled.replace(true) {
            return;
        }
        let layer = self.layer.clone();
        let _ = self.shared.time.call_later(
            Duration::ZERO,
            Box::new(move || {
                if let Some(layer) = layer.upgrade() {
                    layer.called_later();
                }
            }),
        );
    }
}

impl TlsLayer {
    /// Delivers what waits, as far as the protocol wants it.
    pub(super) fn deliver_due(&self) {
        let connection = &self.connection;
        let inbox = &connection.inbox;
        if inbox.write_end_due.take() {
            self.write_connection_lost();
        }
        if !connection.can_deliver() {
            return;
        }
        while connection.can_deliver() && !inbox.held.borrow().is_empty() {
            let mut held = inbox.held.take();
            if !connection.sending.get().is_deaf() {
                self.tell(Event::DataReceived(&mut held));
            }
            connection.buffers().give(held);
        }
        if connection.can_deliver() && inbox.end_due.take() {
            self.read_ended();
        }
    }

    /// The peer's `close_notify` is the end of what can be read.
    fn read_ended(&self) {
        let connection = &self.connection;
        if connection.sending.get().is_deaf() {
            return;
        }
        if self.protocol_is_half_closeable() {
            self.tell(Event::ReadConnectionLost);
        } else {
            connection.close_with_peer();
        }
    }

    /// `lose_write_connection` is done below.
    pub(super) fn write_connection_lost(&self) {
        if self.connection.sending.get() == Sending::Ended(Ending::HalfClose) {
            self.tell(Event::WriteConnectionLost);
        }
    }

    pub(super) fn protocol_is_half_closeable(&self) -> bool {
        let protocol = self.protocol.borrow().clone();
        protocol.is_some_and(|protocol| protocol.is_half_closeable())
    }

    /// From a delayed call, where nobody else would lay a panic of the protocol at this
    /// connection's door.
    fn called_later(&self) {
        self.connection.inbox.scheduled.set(false);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let gathering = self.connection.gather();
            self.deliver_due();
            drop(gathering);
            self.connection.settle();
        }));
        if let Err(panic) = outcome {
            self.connection.abort_with(Reason::Panicked(message(&*panic).into()));
            return;
        }
        self.connection.resume_below();
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a value that is not text"
    }
}
