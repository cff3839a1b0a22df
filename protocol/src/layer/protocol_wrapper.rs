//! [`ProtocolWrapper`]: a running protocol and the layer below it.
//!
//! Invariant: a layer is among its factory's open ones from just before its protocol hears that the connection
//! is made until just before it hears that it is lost, or is dropped.

use alloc::rc::Rc;
use core::any::Any;
use core::cell::Cell;

use interfaces::{Deliver, Event, ReadingRoles, Transport};

use super::{Layer, LayerTransport};
use crate::open_set::OpenSet;

/// The open layers of one factory.
pub(crate) type OpenLayers<L> = Rc<OpenSet<LayerTransport<L>>>;

/// Gives the transport below's events to the layer, and drops the protocol with it.
pub(crate) struct ProtocolWrapper<L: Layer> {
    above: Rc<dyn Deliver>,
    link: Rc<LayerTransport<L>>,
    open: Option<OpenLayers<L>>,
    /// Its number among the open ones.
    number: Cell<Option<u64>>,
}

/// Puts `layer` below one protocol, for a factory that builds more than the protocol of another factory
/// and a layer; [`WrappingFactory`](super::WrappingFactory) does it for all others.
pub fn wrap_protocol<L: Layer>(above: Rc<dyn Deliver>, layer: L) -> Rc<dyn Deliver> {
    ProtocolWrapper::around(above, layer, None)
}

impl<L: Layer> ProtocolWrapper<L> {
    /// Puts `layer` below a protocol; it is listed in `open` for as long as the connection stands.
    pub(crate) fn around(
        above: Rc<dyn Deliver>,
        layer: L,
        open: Option<OpenLayers<L>>,
    ) -> Rc<dyn Deliver> {
        Rc::new(Self { above, link: LayerTransport::new(layer), open, number: Cell::new(None) })
    }

    #[inline]
    fn pass(&self, event: Event<'_>) {
        self.link.layer().deliver(&self.link, &*self.above, event);
    }

    fn connection_made(&self, below: &Rc<dyn Transport>) {
        self.link.set_below(below);
        if let Some(open) = &self.open {
            self.number.set(Some(open.add(&self.link.downgrade())));
        }
        if L::WRAPS_TRANSPORT {
            let transport: Rc<dyn Transport> = self.link.clone();
            self.pass(Event::ConnectionMade(&transport));
        } else {
            self.pass(Event::ConnectionMade(below));
        }
    }

    fn unlist(&self) {
        if let (Some(open), Some(number)) = (&self.open, self.number.take()) {
            open.remove(number);
        }
    }
}

impl<L: Layer> Deliver for ProtocolWrapper<L> {
    fn deliver(&self, event: Event<'_>) {
        let layer = self.link.layer();
        match event {
            Event::ConnectionMade(below) => return self.connection_made(below),
            Event::DataReceived(data) => {
                layer.received(data);
                return self.pass(Event::DataReceived(data));
            }
            Event::DataWaits(read) => {
                return self.pass(Event::DataWaits(&mut |buffer| {
                    let length = read(buffer);
                    if length > 0 {
                        layer.received(buffer.get(..length).unwrap_or(buffer));
                    }
                    length
                }));
            }
            Event::ConnectionLost(_) => self.unlist(),
            // Every other event passes, those added later included.
            _ => {}
        }
        self.pass(event);
    }

    fn log_prefix(&self) -> &'static str {
        self.above.log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        self.link.layer().is_half_closeable(&*self.above)
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.link.layer().socket_guard(&*self.above)
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.link.layer().reading_roles(&*self.above)
    }
}

impl<L: Layer> Drop for ProtocolWrapper<L> {
    fn drop(&mut self) {
        self.unlist();
        self.link.layer().released();
    }
}
