//! Where the two connections of a relay meet: each is the producer of the other.
//!
//! Invariant: what one side received is in the other's transport, which pauses the first when it
//! holds enough; only the first bytes of the accepted side wait here, when the other one is not there
//! yet. So a junction's memory is bounded by two high-water marks and one read.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;

use deferred::{CancelHandle, Cancelled, Deferred, Failure};
use interfaces::{Reason, Transport};

use super::relay_end::{End, Stage};

/// Both ends, and the attempt to get the second one.
pub(crate) struct Junction {
    accepted: End,
    connected: End,
    dial: Cell<Option<Dial>>,
    attempt: RefCell<Option<CancelHandle>>,
    /// What came before there was somewhere to put it.
    early: RefCell<Vec<u8>>,
    trouble: Box<dyn Fn(&(dyn Error + 'static))>,
}

/// Makes the outgoing connection, with the junction's other half on it.
type Dial = Box<dyn FnOnce(&Rc<Junction>) -> Deferred<()>>;

/// Which of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that came in.
    Accepted,
    /// The one that was made for it.
    Connected,
}

impl Junction {
    /// A junction that begins with the accepted connection: when that is made, `dial` makes the
    /// other. `trouble` is told why the other one failed or broke, once at most.
    pub(crate) fn new(
        dial: impl FnOnce(&Rc<Junction>) -> Deferred<()> + 'static,
        trouble: impl Fn(&(dyn Error + 'static)) + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            accepted: End::default(),
            connected: End::default(),
            dial: Cell::new(Some(Box::new(dial))),
            attempt: RefCell::default(),
            early: RefCell::default(),
            trouble: Box::new(trouble),
        })
    }

    /// A connection stands.
    pub(crate) fn made(self: &Rc<Self>, side: Side, transport: &Rc<dyn Transport>) {
        self.end(side).open(transport);
        match side {
            Side::Accepted => self.connect(),
            Side::Connected => self.join(transport),
        }
    }

    /// Bytes arrived.
    pub(crate) fn received(&self, side: Side, data: &[u8]) {
        match self.end(side.other()).transport() {
            Some(transport) => transport.write(data),
            None if self.end(side.other()).stage() == Stage::Waiting => self.keep(side, data),
            None => {}
        }
    }

    /// A peer sends no more: the other one is told so, and when neither sends, both are closed.
    pub(crate) fn read_ended(&self, side: Side) {
        let (end, other) = (self.end(side), self.end(side.other()));
        end.read_ended();
        match other.stage() {
            // It is told when it is there.
            Stage::Waiting => {}
            Stage::Open => other.end_writing(),
            Stage::ReadEnded => {
                other.end_writing();
                end.lose();
                other.lose();
            }
            Stage::Lost => end.lose(),
        }
    }

    /// A connection is gone, and takes the other one with it: in order when nothing on its way to
    /// the other side was cut, with a reset when something may have been.
    pub(crate) fn lost(&self, side: Side, reason: &Reason) {
        let (end, other) = (self.end(side), self.end(side.other()));
        let before = end.close();
        if side == Side::Connected && is_trouble(reason) {
            (self.trouble)(reason);
        }
        match other.stage() {
            Stage::Waiting => self.cancel(),
            Stage::Open | Stage::ReadEnded => {
                if reason.is_clean() || before == Stage::ReadEnded {
                    other.lose();
                } else {
                    other.abort();
                }
            }
            Stage::Lost => {}
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
            // It gave up first, and this is the attempt that was cancelled.
            Stage::Waiting | Stage::Lost => {}
            Stage::Open | Stage::ReadEnded => {
                // Who cancels it knows why: a shutdown, or the accepted side that went away.
                if !failure.check::<Cancelled>() {
                    (self.trouble)(failure.as_error());
                }
                self.accepted.abort();
            }
        }
    }

    /// Keeps the first bytes, and takes no more of them. A side that sends nothing stays unpaused, so
    /// that it can be seen to go away.
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
        if self.accepted.stage() == Stage::ReadEnded {
            self.connected.end_writing();
            return;
        }
        // Before it is the producer: a resume of ours must not undo a pause of the consumer.
        accepted.resume_producing();
        self.connected.feed_from(&accepted);
    }

    fn end(&self, side: Side) -> &End {
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

/// What an operator wants to hear of the connection that this side made. That a peer resets one is
/// everyday.
fn is_trouble(reason: &Reason) -> bool {
    match reason {
        Reason::Done | Reason::Lost(_) | Reason::Aborted => false,
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
