//! [`LateProtocol`]: a protocol that is built when its connection is made, and not when it is accepted.
//!
//! Invariant: the factory is asked once at most, with the address that the transport tells.

use alloc::rc::Rc;
use core::any::Any;
use core::cell::OnceCell;

use interfaces::{Deliver, Event, Factory};

/// The place of a protocol that may never be needed.
pub(super) struct LateProtocol {
    factory: Rc<dyn Factory>,
    /// In logs, until it is built.
    name: &'static str,
    built: OnceCell<Rc<dyn Deliver>>,
}

impl LateProtocol {
    pub(super) fn new(factory: Rc<dyn Factory>, name: &'static str) -> Self {
        Self { factory, name, built: OnceCell::new() }
    }
}

impl Deliver for LateProtocol {
    fn deliver(&self, event: Event<'_>) {
        if let Event::ConnectionMade(transport) = &event {
            match self.factory.build_protocol(&transport.peer()) {
                // A connection is made once.
                Some(protocol) => drop(self.built.set(protocol)),
                None => transport.lose_connection(),
            }
        }
        if let Some(protocol) = self.built.get() {
            protocol.deliver(event);
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.built.get().map_or(self.name, |protocol| protocol.log_prefix())
    }

    fn is_half_closeable(&self) -> bool {
        self.built.get().is_some_and(|protocol| protocol.is_half_closeable())
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.built.get()?.socket_guard()
    }
}
