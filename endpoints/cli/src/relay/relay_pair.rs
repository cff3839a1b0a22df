//! The two connections of a relay: each is the producer of the other.
//!
//! Invariant: bytes received by one side go to the other's transport, which pauses the first above its
//! high-water mark; only the bytes that the accepted side sends before the other is connected are
//! queued here, at most one read. So a pair's memory is bounded by two high-water marks and one read.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;

use deferred::{CancelHandle, Cancelled, Deferred, Failure};
use interfaces::{Reason, Transport};

use super::relay_end::{EndStage, RelayEnd};

/// The two ends, and the attempt to connect the second one.
pub(crate) struct RelayPair {
    accepted: RelayEnd,
    connected: RelayEnd,
    dial: Cell<Option<Dial>>,
    attempt: RefCell<Option<CancelHandle>>,
    /// Bytes of the accepted side from before the other one was connected.
    early: RefCell<Vec<u8>>,
    trouble: Box<dyn Fn(&(dyn Error + 'static))>,
}

/// Makes the outgoing connection, with the pair's other protocol on it.
type Dial = Box<dyn FnOnce(&Rc<RelayPair>) -> Deferred<()>>;

/// Which of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The incoming connection.
    Accepted,
    /// The outgoing connection that is made for it.
    Connected,
}

impl RelayPair {
    /// A pair that begins with the accepted connection: when that is made, `dial` makes the
    /// other. `trouble` is called with the error of the other one, at most once.
    pub(crate) fn new(
        dial: impl FnOnce(&Rc<RelayPair>) -> Deferred<()> + 'static,
        trouble: impl Fn(&(dyn Error + 'static)) + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            accepted: RelayEnd::default(),
            connected: RelayEnd::default(),
            dial: Cell::new(Some(Box::new(dial))),
            attempt: RefCell::default(),
            early: RefCell::default(),
            trouble: Box::new(trouble),
        })
    }

    /// A connection was made.
    pub(crate) fn made(self: &Rc<Self>, side: Side, transport: &Rc<dyn Transport>) {
        self.end(side).open(transport);
        match side {
            Side::Accepted => self.connect(),
            Side::Connected => self.join(transport),
        }
    }

    /// Bytes arrived on this side.
    pub(crate) fn received(&self, side: Side, data: &[u8]) {
        match self.end(side.other()).transport() {
            Some(transport) => transport.write(data),
            None if self.end(side.other()).stage() == EndStage::Waiting => self.keep(side, data),
            None => {}
        }
    }

    /// A peer sent its end of file: it is passed on, and after both sent theirs, both are closed.
    pub(crate) fn read_ended(&self, side: Side) {
        let (end, other) = (self.end(side), self.end(side.other()));
        end.read_ended();
        match other.stage() {
            // `join` passes it on.
            EndStage::Waiting => {}
            EndStage::Open => other.end_writing(),
            EndStage::ReadEnded => {
                other.end_writing();
                end.lose();
                other.lose();
            }
            EndStage::Lost => end.lose(),
        }
    }

    /// A connection ended, and ends the other one: in order if every byte for the other side arrived,
    /// with a reset if some may be lost.
    pub(crate) fn lost(&self, side: Side, reason: &Reason) {
        let (end, other) = (self.end(side), self.end(side.other()));
        let before = end.close();
        if side == Side::Connected && is_trouble(reason) {
            (self.trouble)(reason);
        }
        match other.stage() {
            EndStage::Waiting => self.cancel(),
            EndStage::Open | EndStage::ReadEnded => {
                if reason.is_clean() || before == EndStage::ReadEnded {
                    other.lose();
                } else {
                    other.abort();
                }
            }
            EndStage::Lost => {}
        }
    }

    fn connect(self: &Rc<Self>) {
        let Some(dial) = self.dial.take() else { return };
        let attempt = dial(self);
        self.attempt.replace(Some(attempt.cancel_handle()));
        let this = self.clone();
        let _connected = attempt.add_errback(move |failure: Failure| {
            this.not_connected(&failure);
            Ok(())
        });
    }

    fn not_connected(&self, failure: &Failure) {
        self.connected.close();
        match self.accepted.stage() {
            // The accepted side ended first, which cancelled this attempt.
            EndStage::Waiting | EndStage::Lost => {}
            EndStage::Open | EndStage::ReadEnded => {
                // A shutdown or the end of the accepted side cancelled it, and that is no trouble.
                if !failure.check::<Cancelled>() {
                    (self.trouble)(failure.as_error());
                }
                self.accepted.abort();
            }
        }
    }

    /// Queues the first bytes, and pauses their side. A side that sends nothing stays unpaused, so that
    /// its end is noticed.
    fn keep(&self, side: Side, data: &[u8]) {
        self.early.borrow_mut().extend_from_slice(data);
        if let Some(transport) = self.end(side).transport() {
            transport.pause_producing();
        }
    }

    fn cancel(&self) {
        let attempt = self.attempt.take();
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
    }

    fn join(&self, connected: &Rc<dyn Transport>) {
        let Some(accepted) = self.accepted.transport() else {
            connected.abort_connection();
            return;
        };
        self.accepted.feed_from(connected);
        let early = self.early.take();
        if !early.is_empty() {
            connected.write_sequence(vec![early.into()]);
        }
        if self.accepted.stage() == EndStage::ReadEnded {
            self.connected.end_writing();
            return;
        }
        // Before it is registered as the producer: this resume must not undo a pause by the consumer.
        accepted.resume_producing();
        self.connected.feed_from(&accepted);
    }

    fn end(&self, side: Side) -> &RelayEnd {
        match side {
            Side::Accepted => &self.accepted,
            Side::Connected => &self.connected,
        }
    }
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Accepted => Self::Connected,
            Self::Connected => Self::Accepted,
        }
    }
}

/// Whether the reason of a lost outgoing connection is reported. A reset by the peer is too common.
fn is_trouble(reason: &Reason) -> bool {
    match reason {
        Reason::Done | Reason::Lost(_) | Reason::Aborted | Reason::Stopped => false,
        Reason::Tls(_)
        | Reason::TimedOut(_)
        | Reason::Truncated
        | Reason::WriteBufferExceeded { .. }
        | Reason::Panicked(_) => true,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
