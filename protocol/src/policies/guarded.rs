//! A protocol that occupies something for as long as its connection lasts, and its socket after it.
//!
//! Invariant: the guard is told of the end after the protocol has heard of it, and is dropped with the
//! socket, or with the protocol.

use alloc::rc::Rc;
use core::any::Any;
use core::cell::RefCell;

use interfaces::{Deliver, Event};

use crate::layer::{Layer, LayerTransport, ProtocolWrapper};

/// What a connection occupies.
pub(crate) trait SocketGuard: 'static {
    /// The protocol has heard of the end; the socket may still be there.
    fn connection_lost(&self) {}
}

/// The guard of what a connection occupies.
pub(crate) struct Guarded<G> {
    guard: RefCell<Option<Rc<G>>>,
}

impl<G: SocketGuard> Guarded<G> {
    pub(crate) fn around(protocol: Rc<dyn Deliver>, guard: G) -> Rc<dyn Deliver> {
        let layer = Self { guard: RefCell::new(Some(Rc::new(guard))) };
        ProtocolWrapper::around(protocol, layer, None)
    }
}

impl<G: SocketGuard> Layer for Guarded<G> {
    const WRAPS_TRANSPORT: bool = false;

    fn deliver(&self, _: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        let is_last = matches!(event, Event::ConnectionLost(_));
        above.deliver(event);
        if is_last {
            let guard = self.guard.take();
            if let Some(guard) = guard {
                guard.connection_lost();
            }
        }
    }

    fn socket_guard(&self, above: &dyn Deliver) -> Option<Rc<dyn Any>> {
        let own = self.guard.borrow().clone()?;
        Some(match above.socket_guard() {
            Some(others) => Rc::new((own, others)),
            None => own,
        })
    }
}
