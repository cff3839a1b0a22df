//! [`Connection`]: one TLS connection, shared by its layer and by the protocol as its transport.
//!
//! It owns the parts of a connection and does the steps that need several of them: sending, and each
//! way from the last byte to the close below. Invariant: it does not own the protocol, and no cell is
//! borrowed while the transport below, a producer or the protocol is called.

use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::Failure;
use interfaces::{BufferLimits, Deadline, Producer, PushProducer, Reason, Transport};

use super::end::{End, end_of_file_in};
use super::input::{DeliverLater, Input};
use super::link::Link;
use super::output::{Held, Output};
use super::producer::{LayerProducer, PauseCause, Unregistered};
use super::state::{Action, Ending, Phase, Sending, Signal};
use crate::TlsError;
use crate::handshakes::Handshaking;
use crate::options::FactoryContext;
use crate::session::Received;

/// A cap below this is one that a handshake could exceed.
const SMALL_CAP_BYTES: usize = 256 * 1024;

/// Sets the limits below, where handshake records and the overhead of all records count, too.
pub(super) fn make_room_for_records(below: &dyn Transport, limits: BufferLimits) {
    let room = limits.cap / 16 + 64 * 1024;
    below.set_buffer_limits(limits.with_cap(limits.cap.saturating_add(room)));
}

/// One TLS connection, seen from both sides.
pub(super) struct Connection {
    me: Weak<Connection>,
    pub(super) link: Link,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) producer: LayerProducer,
    pub(super) end: End,
}

impl Connection {
    pub(super) fn new(layer: Weak<dyn DeliverLater>, context: Rc<FactoryContext>) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            link: Link::new(context),
            input: Input::new(layer),
            output: Output::default(),
            producer: LayerProducer::default(),
            end: End::default(),
        })
    }

    pub(super) fn weak(&self) -> Weak<Self> {
        self.me.clone()
    }

    /// Begins with the limits of the transport below.
    pub(super) fn inherit_limits(&self, below: &dyn Transport) {
        let limits = below.buffer_limits();
        self.output.set_limits(limits);
        if limits.cap < SMALL_CAP_BYTES {
            make_room_for_records(below, limits);
        }
    }

    #[inline]
    pub(super) fn is_alive(&self) -> bool {
        self.end.state.is_alive()
    }

    /// Runs `calls`, and sends all the bytes that they write together. Inside another batch, that one
    /// sends them.
    #[inline]
    pub(super) fn batch(&self, calls: impl FnOnce()) {
        let gathering = self.output.gather();
        calls();
        drop(gathering);
        self.flush();
    }

    /// Sends the pending bytes, then the end if it is due. Does nothing inside a batch or while other
    /// bytes are being sent, as it is called again after those.
    #[inline]
    pub(super) fn flush(&self) {
        if self.output.is_busy() {
            return;
        }
        self.send_pending();
        if self.end.state.is_ending() && self.is_drained() {
            self.signal(Signal::Drained);
        }
    }

    /// Sends the pending bytes, also during a batch.
    #[inline]
    pub(super) fn send_pending(&self) {
        if let Err(failure) = self.output.send_pending(&self.link, &self.end.state) {
            self.fail(failure);
        }
    }

    fn is_drained(&self) -> bool {
        !self.output.has_pending() && !self.producer.is_registered()
    }

    /// Whether the protocol ended both directions and there is nothing to send: the connection closes
    /// without a handshake.
    pub(super) fn needs_no_handshake(&self) -> bool {
        self.end.state.ignores_input() && self.end.state.is_ending() && self.is_drained()
    }

    /// Whether bytes written now would be sent.
    #[inline]
    pub(super) fn accepts_writes(&self) -> bool {
        let open = match self.end.state.sending() {
            Sending::Open => true,
            Sending::Ending(_) => self.producer.is_registered(),
            Sending::Ended(_) => false,
        };
        open && self.is_alive()
    }

    /// Unregisters a producer that has finished, before a close that would wait for it.
    pub(super) fn unregister_finished(&self) {
        if let Some(Producer::Push(producer)) = self.producer.get()
            && producer.has_finished()
        {
            let unregistered = self.unregister();
            drop(unregistered);
        }
    }

    /// Takes plaintext to be sent now, after the batch, or after the handshake.
    #[inline]
    pub(super) fn send(&self, data: &[u8]) {
        match self.end.state.phase() {
            Phase::New | Phase::Handshaking => self.hold(data),
            Phase::Established => match self.output.write(&self.link, &self.end.state, data) {
                Ok(()) => self.flush(),
                Err(failure) => self.fail(failure),
            },
            Phase::Closing | Phase::Gone | Phase::Lost => {}
        }
    }

    /// Before the handshake is done, written bytes count against the limits here.
    fn hold(&self, data: &[u8]) {
        match self.output.hold(&self.link, data) {
            Held::Little => {}
            Held::AboveHighWater => self.producer.set_paused(PauseCause::Handshake, true),
            Held::AboveCap => {
                let cap = self.output.limits().cap;
                self.abort_with(Reason::WriteBufferExceeded { cap });
            }
        }
    }

    /// Has the session take bytes from below, and sends its answers. Returns the plaintext, in a
    /// buffer of the pool, and the rest of the result.
    #[inline]
    pub(super) fn receive(&self, data: &mut [u8]) -> (Vec<u8>, Received) {
        let (plaintext, records, received) = self.link.receive(data);
        self.output.write_records(&self.link, records);
        (plaintext, received)
    }

    /// Takes a transition, and performs its action.
    pub(super) fn signal(&self, signal: Signal) {
        let action = self.end.state.on(signal);
        self.act(action);
    }

    fn act(&self, action: Action) {
        match action {
            Action::Ignore | Action::Proceed => {}
            Action::Drain => self.flush(),
            Action::SendCloseNotify(ending) => {
                self.send_close_notify();
                match ending {
                    Ending::HalfClose => self.half_close_below(),
                    Ending::Close => self.await_close_notify(),
                    Ending::Reset => self.reset_below(),
                }
            }
            Action::AwaitCloseNotify => self.await_close_notify(),
            Action::SendCloseNotifyAndClose => {
                self.send_close_notify();
                self.close_below();
            }
            Action::Close => self.close_below(),
            Action::Reset => self.reset_below(),
            Action::Abort => self.abort_below(),
            Action::DropInput => {
                self.input.drop_due();
                self.input.schedule(self.link.time());
            }
        }
    }

    fn send_close_notify(&self) {
        self.output.write_records(&self.link, self.link.close_notify());
    }

    fn half_close_below(&self) {
        if !self.link.half_close() {
            self.input.end_writing(self.link.time());
        }
    }

    /// The connection below is not closed before the peer's `close_notify` has come, too: a socket
    /// that is closed with unread bytes (a server's tickets, that `close_notify`) resets the
    /// connection, which destroys the bytes sent last.
    fn await_close_notify(&self) {
        let timeout = self.link.close_timeout();
        if self.input.has_ended() || timeout.is_zero() {
            return self.signal(Signal::CloseDue);
        }
        self.input.read_on(&self.link);
        self.link.half_close();
        self.start_deadline(timeout, |connection| connection.signal(Signal::CloseDue));
    }

    /// The peer's `close_notify` arrived, which ends a connection that awaits it.
    pub(super) fn on_close_notify(&self) {
        self.signal(Signal::CloseNotifyReceived);
    }

    /// The peer has ended its side, and the protocol has no half-close role: both sides end.
    pub(super) fn close_with_peer(&self) {
        self.stop_producer();
        self.send_pending();
        self.signal(Signal::PeerEnded);
    }

    /// Whether an end of the stream below is the end of the peer, as the options may say.
    pub(super) fn takes_bare_end(&self) -> bool {
        self.end.state.is_established() && self.link.takes_bare_end()
    }

    /// The stream below has ended, and the connection there goes on. After `close_notify` that is no
    /// news; without one the stream was cut, or the peer ended.
    pub(super) fn on_end_of_file(&self) {
        if !self.is_alive() || self.input.has_ended() || self.end.state.ignores_input() {
            return;
        }
        if self.takes_bare_end() {
            self.input.end();
        } else {
            self.end.decide(end_of_file_in(self.end.state.phase()));
            self.stop_sending();
        }
    }

    /// The session failed. Its alert is below already, and is sent before the close. What it had
    /// decrypted before is delivered.
    pub(super) fn fail(&self, failure: Failure) {
        if !self.is_alive() {
            return;
        }
        let failure = match self.end.state.phase() {
            Phase::Handshaking => TlsError::in_handshake(failure),
            _ => failure,
        };
        self.end.decide(Reason::Tls(failure));
        self.stop_sending();
        // A peer that reads nothing more must not keep the connection.
        self.start_deadline(self.link.close_timeout(), |connection| {
            connection.signal(Signal::Aborted);
        });
    }

    fn stop_sending(&self) {
        self.end.end_handshake();
        self.drop_early_input();
        self.stop_producer();
        self.signal(Signal::Failed);
    }

    /// Early data counts only when the handshake is done, which a replay does not reach.
    pub(super) fn drop_early_input(&self) {
        if !self.end.state.delivers() {
            self.input.drop_due();
        }
    }

    /// Aborts with this reason.
    pub(super) fn abort_with(&self, reason: Reason) {
        if self.is_alive() {
            self.end.decide(reason);
            self.signal(Signal::Aborted);
        }
    }

    /// Stops the producer, and aborts the transport below, whose reason counts if none is decided.
    fn abort_below(&self) {
        self.input.drop_due();
        self.stop_producer();
        self.end.cancel_deadline();
        if let Some(below) = self.link.below() {
            below.abort_connection();
        }
    }

    fn close_below(&self) {
        self.end.cancel_deadline();
        if let Some(below) = self.link.below() {
            below.lose_connection();
        }
    }

    /// The transport below sends the bytes that it has, and then resets the connection.
    fn reset_below(&self) {
        self.end.cancel_deadline();
        if let Some(below) = self.link.below() {
            below.lose_connection_with_reset();
        }
    }

    /// Decides on the reason for the protocol when the transport below gives `below`.
    pub(super) fn settle(&self, below: &Reason, phase: Phase) {
        let peer_ended =
            self.input.has_ended() || (phase == Phase::Established && self.link.takes_bare_end());
        self.end.settle(below, phase, peer_ended, self.output.limits().cap);
    }

    /// Registers a push producer that another transport has had, which may have paused it: then it is resumed
    /// when the handshake is done.
    pub(super) fn adopt_producer(&self, producer: Rc<dyn PushProducer>, paused: bool) {
        if !self.accepts_writes() {
            producer.stop_producing();
        } else if self.producer.register(Producer::Push(producer)).is_ok() {
            self.producer.adopt(paused);
        }
    }

    /// Unregisters the producer, here and below.
    pub(super) fn unregister(&self) -> Unregistered {
        let unregistered = self.producer.unregister();
        if let (Some(below), true) = (self.link.below(), unregistered.known_below) {
            below.unregister_producer();
        }
        unregistered
    }

    /// Stops the producer, if there is one.
    pub(super) fn stop_producer(&self) {
        if let Some(producer) = self.unregister().producer {
            producer.stop_producing();
        }
    }

    pub(super) fn start_handshake_deadline(&self) {
        self.end.begin_handshake(self.link.begin_handshake(self.me.clone()));
        self.start_deadline(self.link.handshake_timeout(), |connection| {
            if connection.end.state.phase() == Phase::Handshaking {
                connection.abort_with(Reason::TimedOut(Deadline::Handshake));
            }
        });
    }

    fn start_deadline(&self, after: Duration, then: fn(&Connection)) {
        let connection = self.weak();
        let call = Box::new(move || {
            if let Some(connection) = connection.upgrade() {
                then(&connection);
            }
        });
        self.end.start_deadline(self.link.time(), after, call);
    }

    /// Drops the session and all waiting bytes of a connection that ended.
    pub(super) fn release(&self) {
        self.link.release();
        self.output.release();
        self.input.drop_due();
    }
}

impl Handshaking for Connection {
    fn give_up(&self, limit: usize) {
        if self.end.state.phase() <= Phase::Handshaking {
            self.abort_with(Reason::Tls(Failure::new(TlsError::TooManyHandshakes { limit })));
        }
    }
}
