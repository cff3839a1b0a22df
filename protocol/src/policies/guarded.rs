//! A protocol that occupies something for as long as its connection lasts, and its socket after it.
//!
//! Invariant: the guard is told of the end after the protocol has heard of it, and is dropped with the
//! socket, or with the protocol.

use alloc::rc::Rc;
use core::any::Any;
use core::cell::RefCell;

use interfaces::{Deliver, Event, ReadingRoles};

/// What a connection occupies.
pub(crate) trait Guard: 'static {
    /// The protocol has heard of the end; the socket may still be there.
    fn connection_lost(&self) {}
}

/// A running protocol, and the guard of what its connection occupies.
pub(crate) struct Guarded<G> {
    protocol: Rc<dyn Deliver>,
    guard: RefCell<Option<Rc<G>>>,
}

impl<G: Guard> Guarded<G> {
    pub(crate) fn around(protocol: Rc<dyn Deliver>, guard: G) -> Rc<dyn Deliver> {
        Rc::new(Self { protocol, guard: RefCell::new(Some(Rc::new(guard))) })
    }
}

impl<G: Guard> Deliver for Guarded<G> {
    fn deliver(&self, event: Event<'_>) {
        let is_last = matches!(event, Event::ConnectionLost(_));
        self.protocol.deliver(event);
        if is_last {
            let guard = self.guard.take();
            if let Some(guard) = guard {
                guard.connection_lost();
            }
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.protocol.log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol.is_half_closeable()
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        let own = self.guard.borrow().clone()?;
        Some(match self.protocol.socket_guard() {
            Some(others) => Rc::new((own, others)),
            None => own,
        })
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.protocol.reading_roles()
    }
}
