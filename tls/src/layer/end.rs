//! How a TLS connection ends: every way from the last byte to `connection_lost`.
//!
//! Invariant: the transport below is told to close once, and from then on is told nothing else.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{Deadline, Reason, Transport};

use super::connection::Connection;
use super::state::{Ending, Phase, Sending};

impl Connection {
    /// Asks for the end of sending. It comes when all before it is sent.
    pub(super) fn end_sending(&self, ending: Ending) {
        let next = match (self.sending.get(), ending) {
            (Sending::Open, ending) => Sending::Ending(ending),
            (Sending::Ending(Ending::HalfClose), Ending::Close) => Sending::Ending(Ending::Close),
            (Sending::Ended(Ending::HalfClose), Ending::Close) => {
                self.sending.set(Sending::Ended(Ending::Close));
                return self.wait_for_goodbye();
            }
            (Sending::Ending(_) | Sending::Ended(_), _) => return,
        };
        self.sending.set(next);
        self.settle();
    }

    /// Sends what is due, in order: what was written, then the end. Does nothing during a delivery
    /// or a flush, after which it is called again.
    pub(super) fn settle(&self) {
        if self.is_gathering() || self.is_flushing() {
            return;
        }
        self.flush();
        let Sending::Ending(ending) = self.sending.get() else { return };
        match self.phase.get() {
            Phase::Established if !self.producing().is_registered() => self.say_goodbye(ending),
            Phase::Handshaking if self.needs_no_handshake() => {
                self.sending.set(Sending::Ended(ending));
                self.close_below();
            }
            Phase::New | Phase::Handshaking | Phase::Established => {}
            Phase::Closing | Phase::Lost => {}
        }
    }

    /// Whether nothing was written or will be, and the connection is to close: so it can close at
    /// once.
    pub(super) fn needs_no_handshake(&self) -> bool {
        self.sending.get() == Sending::Ending(Ending::Close)
            && !self.has_pending()
            && !self.producing().is_registered()
    }

    /// The stream below has ended, and the connection there goes on. `close_notify` has told the
    /// protocol already; if there was none, the stream was cut.
    pub(super) fn end_of_file(&self) {
        if self.is_alive() && !self.inbox.peer_closed.get() && !self.sending.get().is_deaf() {
            self.decide(Reason::Truncated);
            self.stop_producer();
            self.close_below();
        }
    }

    fn say_goodbye(&self, ending: Ending) {
        self.sending.set(Sending::Ended(ending));
        self.send_close_notify();
        match ending {
            Ending::HalfClose => self.half_close_below(),
            Ending::Close => self.wait_for_goodbye(),
        }
    }

    /// After `close_notify`: closes below when the peer's has come, or was not to be had in time.
    fn wait_for_goodbye(&self) {
        if self.must_linger() { self.linger() } else { self.close_below() }
    }

    fn send_close_notify(&self) {
        let mut records = self.buffers().take_outgoing();
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.close(&mut records);
        }
        self.hand_down(records);
    }

    fn half_close_below(&self) {
        let Some(below) = self.below.get() else { return };
        match below.as_half_closeable() {
            Some(below) => below.lose_write_connection(),
            None => {
                self.inbox.write_end_due.set(true);
                self.schedule();
            }
        }
    }

    /// The connection below is not closed before the peer has said goodbye too: a socket that is
    /// closed with unread bytes (a server's tickets, the peer's own goodbye) resets the connection,
    /// which destroys what was just sent.
    fn must_linger(&self) -> bool {
        !self.inbox.peer_closed.get() && !self.shared.options.close_timeout.is_zero()
    }

    fn linger(&self) {
        let Some(below) = self.below.get() else { return };
        if self.inbox.paused_below.take() {
            below.resume_producing();
        }
        if let Some(below) = below.as_half_closeable() {
            below.lose_write_connection();
        }
        self.start_deadline(self.shared.options.close_timeout, Self::close_below);
    }

    /// Both sides have said goodbye.
    pub(super) fn hear_goodbye(&self) {
        if self.is_alive() && self.sending.get() == Sending::Ended(Ending::Close) {
            self.decide(Reason::Done);
            self.close_below();
        }
    }

    /// The peer has ended its side, and the protocol has no half-close role: both sides end.
    pub(super) fn close_with_peer(&self) {
        self.decide(Reason::Done);
        self.stop_producer();
        self.flush();
        self.send_close_notify();
        self.sending.set(Sending::Ended(Ending::Close));
        self.close_below();
    }

    /// The session failed. Its alert is below already, and is sent before the close.
    pub(super) fn fail(&self, reason: Reason) {
        if !self.is_alive() {
            return;
        }
        self.decide(reason);
        self.stop_producer();
        self.close_below();
        // A peer that reads nothing more must not keep the connection.
        self.start_deadline(self.shared.options.close_timeout, |connection| {
            if let Some(below) = connection.below.get() {
                below.abort_connection();
            }
        });
    }

    /// Ends at once, for a reason of our own.
    pub(super) fn abort_with(&self, reason: Reason) {
        if !self.is_alive() {
            return;
        }
        self.decide(reason);
        self.abort_below();
    }

    /// Ends at once. What the transport below says then is the reason, unless there is a better one.
    pub(super) fn abort_below(&self) {
        if self.phase.get() == Phase::Lost {
            return;
        }
        self.phase.set(Phase::Closing);
        self.stop_producer();
        self.cancel_deadline();
        if let Some(below) = self.below.get() {
            below.abort_connection();
        }
    }

    fn close_below(&self) {
        if !self.is_alive() {
            return;
        }
        self.phase.set(Phase::Closing);
        self.cancel_deadline();
        if let Some(below) = self.below.get() {
            below.lose_connection();
        }
    }

    /// Stops the producer, if there is one.
    pub(super) fn stop_producer(&self) {
        let (producer, below_knows) = self.producing().forget();
        if let (Some(below), true) = (self.below.get(), below_knows) {
            below.unregister_producer();
        }
        if let Some(producer) = producer {
            producer.stop_producing();
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        match self.phase.get() {
            Phase::New | Phase::Handshaking | Phase::Established => true,
            Phase::Closing | Phase::Lost => false,
        }
    }

    /// The first verdict stands.
    pub(super) fn decide(&self, reason: Reason) {
        let mut verdict = self.verdict.borrow_mut();
        if verdict.is_none() {
            *verdict = Some(reason);
        }
    }

    /// What `connection_lost` says, when the transport below says `below`.
    pub(super) fn reason_for(&self, below: &Reason) -> Reason {
        let verdict = self.verdict.take();
        match (below, verdict) {
            (Reason::Panicked(_), _) => below.clone(),
            (_, Some(verdict)) => verdict,
            (Reason::Done, None) => {
                let ended = self.sending.get() == Sending::Ended(Ending::Close);
                let complete = ended || self.inbox.peer_closed.get();
                if complete { Reason::Done } else { Reason::Truncated }
            }
            (Reason::WriteBufferExceeded { .. }, None) => {
                Reason::WriteBufferExceeded { cap: self.limits().cap }
            }
            (_, None) => below.clone(),
        }
    }

    /// Starts the handshake's deadline.
    pub(super) fn start_handshake_deadline(&self) {
        self.start_deadline(self.shared.options.handshake_timeout, |connection| {
            if connection.phase.get() == Phase::Handshaking {
                connection.abort_with(Reason::TimedOut(Deadline::Handshake));
            }
        });
    }

    fn start_deadline(&self, after: Duration, then: fn(&Connection)) {
        self.cancel_deadline();
        let connection = self.me.clone();
        let call = self.shared.time.call_later(
            after,
            Box::new(move || {
                if let Some(connection) = connection.upgrade() {
                    then(&connection);
                }
            }),
        );
        self.deadline.replace(Some(call));
    }

    pub(super) fn cancel_deadline(&self) {
        let deadline = self.deadline.take();
        if let Some(deadline) = deadline {
            // One that has run has nothing to cancel.
            let _ = deadline.cancel();
        }
    }

    /// The handle that the protocol gets.
    pub(super) fn handle(&self) -> Option<Rc<dyn Transport>> {
        Some(self.me.upgrade()?)
    }
}
