//! A protocol that occupies something for as long as its connection lasts.
//!
//! Invariant: the guard is dropped after the protocol has heard of the end, or with the protocol.

use alloc::rc::Rc;
use core::cell::Cell;

use interfaces::{Deliver, Event, ReadingRoles};

/// A running protocol, and the guard of what its connection occupies.
pub(super) struct Guarded<G> {
    protocol: Rc<dyn Deliver>,
    guard: Cell<Option<G>>,
}

impl<G: 'static> Guarded<G> {
    pub(super) fn around(protocol: Rc<dyn Deliver>, guard: G) -> Rc<dyn Deliver> {
        Rc::new(Self { protocol, guard: Cell::new(Some(guard)) })
    }
}

impl<G> Deliver for Guarded<G> {
    fn deliver(&self, event: Event<'_>) {
        let is_last = matches!(event, Event::ConnectionLost(_));
        self.protocol.deliver(event);
        if is_last {
            drop(self.guard.take());
        }
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol.is_half_closeable()
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.protocol.reading_roles()
    }
}
