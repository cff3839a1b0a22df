//! [`Above`]: the protocol, as a TLS layer that came later knows it.
//!
//! Invariant: it owns the protocol only from the end of the connection below until `connection_lost`.

use std::any::Any;
use std::cell::Cell;
use std::rc::{Rc, Weak};

use interfaces::{Deliver, Event, ReadingRoles, short_type_name};

/// The way from the TLS layer to the protocol.
pub(super) struct Above {
    protocol: Weak<dyn Deliver>,
    /// The protocol, when nothing else owns it and input waits.
    kept: Cell<Option<Rc<dyn Deliver>>>,
}

impl Above {
    pub(super) fn new(protocol: &Rc<dyn Deliver>) -> Rc<Self> {
        Rc::new(Self { protocol: Rc::downgrade(protocol), kept: Cell::default() })
    }

    /// Keeps the protocol until it is told that the connection is lost.
    pub(super) fn keep(&self) {
        self.kept.set(self.protocol.upgrade());
    }
}

impl Deliver for Above {
    fn deliver(&self, event: Event<'_>) {
        // Held while it runs, so that it is dropped with nothing borrowed.
        let kept = match event {
            Event::ConnectionMade(_) => return,
            Event::ConnectionLost(_) => self.kept.take(),
            _ => None,
        };
        if let Some(protocol) = self.protocol.upgrade() {
            protocol.deliver(event);
        }
        drop(kept);
    }

    fn log_prefix(&self) -> &'static str {
        self.protocol.upgrade().map_or(short_type_name::<Self>(), |protocol| protocol.log_prefix())
    }

    fn is_half_closeable(&self) -> bool {
        self.protocol.upgrade().is_some_and(|protocol| protocol.is_half_closeable())
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.protocol.upgrade()?.socket_guard()
    }

    fn reading_roles(&self) -> ReadingRoles {
        ReadingRoles::default()
    }
}
