//! [`Held`]: the events that wait for a protocol that is not built yet, or that is paused.
//!
//! Invariant: the events are delivered in their order, and none while the protocol is paused.

use alloc::rc::Weak;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};

use interfaces::{Deliver, Event, OwnedEvent};
use protocol::layer::{Layer, LayerTransport};

/// The events that wait for the protocol, and what it wants of its transport.
pub(super) struct Held<L: Layer> {
    /// What came before the protocol was built, and its bytes while it is paused.
    pub(super) events: RefCell<Vec<OwnedEvent>>,
    pub(super) link: OnceCell<Weak<LayerTransport<L>>>,
    pub(super) is_paused: Cell<bool>,
    pub(super) is_closed: Cell<bool>,
}

impl<L: Layer> Default for Held<L> {
    fn default() -> Self {
        Self {
            events: RefCell::default(),
            link: OnceCell::new(),
            is_paused: Cell::default(),
            is_closed: Cell::default(),
        }
    }
}

impl<L: Layer> Held<L> {
    pub(super) fn is_empty(&self) -> bool {
        self.events.borrow().is_empty()
    }

    pub(super) fn push(&self, event: Event<'_>) {
        let event = event.into_owned();
        self.events.borrow_mut().push(event);
    }

    /// Delivers the bytes that wait, until the protocol pauses or closes its transport.
    pub(super) fn deliver(&self, above: &dyn Deliver) {
        let mut waiting = self.events.take().into_iter();
        while !self.is_paused.get() && !self.is_closed.get() {
            let Some(mut event) = waiting.next() else { return };
            above.deliver(event.as_event());
        }
        let mut left: Vec<_> = waiting.collect();
        let mut events = self.events.borrow_mut();
        left.append(&mut events);
        *events = left;
    }
}
