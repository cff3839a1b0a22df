//! [`Input`]: plaintext and ends that wait to be delivered, and whether the transport below reads.
//!
//! Invariant: the order is data, the peer's end, and only then more from below; the layer is owned here
//! only while input waits that nothing else would keep.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use interfaces::ReactorTime;

use super::link::Link;
use super::state::StateMachine;

/// The layer, as the delayed call of its input knows it.
pub(super) trait DeliverLater {
    /// Delivers the waiting input, on a turn of its own.
    fn deliver_later(&self);
}

/// The input that waits to be delivered.
pub(super) struct Input {
    layer: Weak<dyn DeliverLater>,
    /// The layer, when the transport below owns it no more and input waits.
    kept: Cell<Option<Rc<dyn DeliverLater>>>,
    /// Plaintext that arrived while the protocol was paused, or before the handshake was done.
    held: RefCell<Vec<u8>>,
    /// The protocol has paused its transport.
    paused: Cell<bool>,
    /// The transport below is paused, too. Not before the handshake is done, which has to read.
    paused_below: Cell<bool>,
    peer_end: Cell<PeerEnd>,
    /// `write_connection_lost` is due, and the transport below does not deliver it.
    write_end_due: Cell<bool>,
    /// A delayed call to the layer is pending.
    scheduled: Cell<bool>,
}

/// How far the peer's `close_notify` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerEnd {
    NotReceived,
    Due,
    Delivered,
}

impl Input {
    pub(super) fn new(layer: Weak<dyn DeliverLater>) -> Self {
        Self {
            layer,
            kept: Cell::default(),
            held: RefCell::default(),
            paused: Cell::new(false),
            paused_below: Cell::new(false),
            peer_end: Cell::new(PeerEnd::NotReceived),
            write_end_due: Cell::new(false),
            scheduled: Cell::new(false),
        }
    }

    /// Whether data may be delivered now.
    #[inline]
    pub(super) fn can_deliver(&self, state: &StateMachine) -> bool {
        state.delivers() && !self.paused.get()
    }

    /// Whether something waits to be delivered.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.write_end_due.get()
            || self.peer_end.get() == PeerEnd::Due
            || !self.held.borrow().is_empty()
    }

    #[inline]
    pub(super) fn holds_data(&self) -> bool {
        !self.held.borrow().is_empty()
    }

    /// Holds plaintext for later.
    pub(super) fn hold(&self, plaintext: &mut Vec<u8>) {
        self.held.borrow_mut().append(plaintext);
    }

    /// Takes all plaintext that is held.
    pub(super) fn take_held(&self) -> Vec<u8> {
        self.held.take()
    }

    /// Notes the peer's `close_notify`.
    pub(super) fn end(&self) {
        self.peer_end.set(PeerEnd::Due);
    }

    /// Whether the peer's `close_notify` has arrived.
    pub(super) fn has_ended(&self) -> bool {
        self.peer_end.get() != PeerEnd::NotReceived
    }

    /// Takes the peer's end, if it is due.
    #[inline]
    pub(super) fn take_end(&self) -> bool {
        let due = self.peer_end.get() == PeerEnd::Due;
        if due {
            self.peer_end.set(PeerEnd::Delivered);
        }
        due
    }

    /// Notes that `write_connection_lost` is due, and has it delivered on a turn of its own.
    pub(super) fn end_writing(&self, time: &dyn ReactorTime) {
        self.write_end_due.set(true);
        self.schedule(time);
    }

    /// Takes the end of writing, if it is due.
    #[inline]
    pub(super) fn take_write_end(&self) -> bool {
        self.write_end_due.take()
    }

    /// Notes that the protocol wants no data; `false` if that was known.
    pub(super) fn pause(&self) -> bool {
        !self.paused.replace(true)
    }

    /// Notes that the protocol wants data; `false` if that was known.
    pub(super) fn resume(&self) -> bool {
        self.paused.replace(false)
    }

    /// Pauses the transport below for a protocol that is paused, unless a handshake or a close needs
    /// it to read.
    pub(super) fn pause_below(&self, link: &Link, state: &StateMachine) {
        if !self.paused.get() || !state.is_established() || state.ignores_input() {
            return;
        }
        if let (Some(below), false) = (link.below(), self.paused_below.replace(true)) {
            below.pause_producing();
        }
    }

    /// Resumes the transport below when all earlier input is delivered.
    #[inline]
    pub(super) fn resume_below(&self, link: &Link, state: &StateMachine) {
        if self.paused_below.get()
            && state.is_established()
            && self.can_deliver(state)
            && !self.is_due()
            && !state.ignores_input()
        {
            self.read_on(link);
        }
    }

    /// Resumes the transport below, if it is paused.
    pub(super) fn read_on(&self, link: &Link) {
        if let (Some(below), true) = (link.below(), self.paused_below.take()) {
            below.resume_producing();
        }
    }

    /// Has the layer deliver the waiting input on a turn of its own.
    pub(super) fn schedule(&self, time: &dyn ReactorTime) {
        if self.scheduled.replace(true) {
            return;
        }
        // Owned by the call, a layer that is kept ends with the reactor.
        let (layer, kept) = (self.layer.clone(), self.kept.take());
        let _ = time.call_later(
            Duration::ZERO,
            Box::new(move || {
                if let Some(layer) = kept.or_else(|| layer.upgrade()) {
                    layer.deliver_later();
                }
            }),
        );
    }

    /// Keeps the layer until its input is delivered.
    pub(super) fn keep_layer(&self) {
        let before = self.kept.replace(self.layer.upgrade());
        drop(before);
    }

    /// Keeps the layer no longer.
    pub(super) fn let_layer_go(&self) {
        let kept = self.kept.take();
        drop(kept);
    }

    /// Notes that the delayed call has come.
    pub(super) fn unschedule(&self) {
        self.scheduled.set(false);
    }

    /// Drops all that waits to be delivered.
    pub(super) fn drop_due(&self) {
        self.held.take();
        self.take_end();
        self.write_end_due.set(false);
    }
}
