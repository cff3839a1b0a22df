//! The two connections of a relay: each is the producer of the other.
//!
//! Invariant: bytes received by one side go to the other's transport, which pauses the first above its
//! high-water mark; only the bytes that the accepted side sends before the other is connected are
//! queued here, at most one read. So a pair's memory is bounded by two high-water marks and one read.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use interfaces::{Address, Deadline, Reason, Transport};

use super::deadline::Patience;
use super::dial::Dial;
use super::end::{EndStage, RelayEnd};
use super::event::{RelayEvent, RelaySide};
use super::factory::RelayContext;
use super::feed::Feed;
use crate::policies::{CountedConnection, Silence, is_handshaking};

/// The two ends, and the attempt to connect the second one.
pub(super) struct RelayPair {
    pub(super) accepted: RelayEnd,
    pub(super) connected: RelayEnd,
    pub(super) dial: Dial,
    /// Bytes of the accepted side from before the other one was connected.
    pub(super) early: RefCell<Vec<u8>>,
    /// How the accepted side ended, if that was before the other one was connected.
    early_end: Cell<EarlyEnd>,
    pub(super) silence: Silence,
    /// The limit on the silence that is watched for.
    pub(super) watched: Cell<Option<Deadline>>,
    pub(super) patience: Cell<Patience>,
    has_trouble: Cell<bool>,
    pub(super) context: RelayContext,
    /// The accepted side's.
    pub(super) peer: Address,
    /// Its number among the open ones.
    number: u64,
    /// Shared with the accepted side's guard, which outlives the pair while its socket lingers.
    counted: Rc<CountedConnection>,
}

/// What comes behind the early bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EarlyEnd {
    /// More bytes may have been lost.
    #[default]
    Broken,
    /// They are all.
    Complete,
}

impl RelayPair {
    /// A pair that begins with the accepted connection from `peer`.
    pub(super) fn new(context: RelayContext, peer: Address) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            number: context.open().add(me),
            accepted: RelayEnd::default(),
            connected: RelayEnd::default(),
            dial: Dial::default(),
            early: RefCell::default(),
            early_end: Cell::default(),
            silence: context.silence(),
            watched: Cell::new(None),
            patience: Cell::default(),
            has_trouble: Cell::new(false),
            peer,
            counted: Rc::new(context.count().count()),
            context,
        })
    }

    /// The pair's place in the count.
    pub(super) fn counted(&self) -> Rc<CountedConnection> {
        self.counted.clone()
    }

    /// A connection was made. The other one is made when the accepted side is worth it: over TLS, after
    /// its handshake.
    pub(super) fn made(self: &Rc<Self>, side: RelaySide, transport: &Rc<dyn Transport>) {
        self.set_socket_options(&**transport);
        self.end(side).open(transport);
        match side {
            RelaySide::Accepted if is_handshaking(&**transport) => {}
            RelaySide::Accepted => self.dial(transport),
            RelaySide::Connected => self.join(transport),
        }
    }

    /// Bytes arrived on this side.
    #[inline]
    pub(super) fn received(&self, side: RelaySide, data: &[u8]) {
        match self.end(side.other()).transport() {
            Some(transport) => {
                self.silence.broken();
                transport.write(data);
            }
            None if self.end(side.other()).stage() == EndStage::Waiting => self.keep(side, data),
            None => {}
        }
    }

    /// A peer sent its end of file: it is passed on, and after both sent theirs, both are closed.
    pub(super) fn read_ended(self: &Rc<Self>, side: RelaySide) {
        let (end, other) = (self.end(side), self.end(side.other()));
        end.read_ended();
        match other.stage() {
            // `join` passes it on.
            EndStage::Waiting => return,
            EndStage::Open => other.end_writing(),
            EndStage::ReadEnded => {
                other.end_writing();
                end.lose();
                other.lose();
            }
            EndStage::Lost => end.lose(),
        }
        self.watch();
    }

    /// A connection ended, and ends the other one, behind what arrived before: in order if it ended in
    /// order itself, and with a reset otherwise, as bytes of either side may be lost.
    pub(super) fn lost(self: &Rc<Self>, side: RelaySide, reason: &Reason) {
        let (end, other) = (self.end(side), self.end(side.other()));
        let before = end.close();
        let is_complete = reason.is_clean();
        if self.is_told(side, reason) && self.first_trouble() {
            self.context.tell(&RelayEvent::Broken { peer: &self.peer, side, reason });
        }
        match other.stage() {
            EndStage::Waiting => self.lost_early(is_complete || before == EndStage::ReadEnded),
            EndStage::Open | EndStage::ReadEnded if is_complete => other.lose(),
            EndStage::Open | EndStage::ReadEnded => other.lose_with_reset(),
            EndStage::Lost => {}
        }
        self.watch();
    }

    /// The relay stops. Each side gets all that was read for it, and then its end: in order where the
    /// other side's stream is complete, and otherwise with a reset, as more may have been to come.
    pub(super) fn stop(&self) {
        self.dial.cancel();
        for (end, other) in [(&self.accepted, &self.connected), (&self.connected, &self.accepted)] {
            match other.stage() {
                EndStage::Waiting | EndStage::Open => end.lose_with_reset(),
                EndStage::ReadEnded | EndStage::Lost => end.lose(),
            }
        }
    }

    /// The relay stops soon: a handshake that runs is no reason to wait, and neither is a connection that
    /// is still being made for a client which has said nothing.
    pub(super) fn drain(&self) {
        // Neither has a pair begun whose accepted side has sent nothing yet.
        if self.dial.is_under_way() && self.early.borrow().is_empty() {
            self.dial.cancel();
            self.accepted.abort();
            return;
        }
        for end in [&self.accepted, &self.connected] {
            if let Some(transport) = end.transport()
                && is_handshaking(&*transport)
            {
                transport.abort_connection();
            }
        }
    }

    pub(super) fn end(&self, side: RelaySide) -> &RelayEnd {
        match side {
            RelaySide::Accepted => &self.accepted,
            RelaySide::Connected => &self.connected,
        }
    }

    /// Whether this trouble is the pair's first. The first one causes those behind it.
    pub(super) fn first_trouble(&self) -> bool {
        !self.has_trouble.replace(true)
    }

    /// Small pieces go out at once, and a peer that vanishes is noticed.
    fn set_socket_options(&self, transport: &dyn Transport) {
        if let Some(tcp) = transport.as_tcp() {
            tcp.set_tcp_no_delay(true);
            if let Some(times) = self.context.options().keep_alive {
                tcp.set_tcp_keep_alive_times(times);
            }
        }
    }

    /// Queues the first bytes, and pauses their side. A side that sends nothing stays unpaused, so that
    /// its end is noticed.
    fn keep(&self, side: RelaySide, data: &[u8]) {
        self.early.borrow_mut().extend_from_slice(data);
        if let Some(transport) = self.end(side).transport() {
            transport.pause_producing();
        }
    }

    /// The accepted side ended before the other one was connected. What it sent is still delivered.
    fn lost_early(&self, is_complete: bool) {
        if is_complete {
            self.early_end.set(EarlyEnd::Complete);
        }
        if !self.owes_early_bytes() {
            self.dial.cancel();
        }
    }

    fn owes_early_bytes(&self) -> bool {
        self.dial.is_under_way() && !self.early.borrow().is_empty()
    }

    fn join(self: &Rc<Self>, connected: &Rc<dyn Transport>) {
        let owes = self.owes_early_bytes();
        self.dial.made();
        let accepted = self.accepted.transport();
        if accepted.is_none() && !owes {
            connected.abort_connection();
            return;
        }
        self.context.tell(&RelayEvent::Connected { peer: &self.peer, transport: connected });
        self.accepted.feed_from(Feed::of(self, RelaySide::Connected));
        let early = self.early.take();
        if !early.is_empty() {
            connected.write_sequence(alloc::vec![early.into()]);
        }
        match (accepted, self.accepted.stage(), self.early_end.get()) {
            (Some(_), EndStage::ReadEnded, _) => self.connected.end_writing(),
            (Some(accepted), ..) => {
                // Before it is registered as the producer: this resume must not undo a pause by the
                // consumer.
                accepted.resume_producing();
                self.connected.feed_from(Feed::of(self, RelaySide::Accepted));
            }
            (None, _, EarlyEnd::Complete) => self.connected.lose(),
            (None, _, EarlyEnd::Broken) => self.connected.lose_with_reset(),
        }
        self.watch();
    }

    /// Whether the end of a connection is told. A side that the pair or a shutdown ends is not, and
    /// neither is an accepted side whose handshake fails, as over any protocol, or which goes away
    /// before it has sent anything.
    fn is_told(&self, side: RelaySide, reason: &Reason) -> bool {
        let is_joined = self.connected.stage() != EndStage::Waiting;
        match reason {
            Reason::Done | Reason::Aborted | Reason::Stopped => false,
            _ if side == RelaySide::Connected || is_joined => true,
            Reason::Lost(_) => self.owes_early_bytes(),
            _ => self.dial.is_under_way(),
        }
    }
}

impl Drop for RelayPair {
    fn drop(&mut self) {
        self.context.open().remove(self.number);
        self.counted.end();
    }
}
