//! What an attempt of a client service builds its protocol with; Twisted's `_DisconnectFactory`.
//!
//! Invariant: the service hears of the connection of its newest attempt alone.

use alloc::borrow::Cow;
use alloc::rc::Rc;

use interfaces::{Address, Deliver, Factory, Protocol, Reason, Transport};

use super::lifetime::Lifetime;
use crate::ProtocolRef;
use crate::client::watched::{ConnectionWatch, Watched};

pub(super) struct ServiceFactory<P: Protocol> {
    pub(super) life: Rc<Lifetime<P>>,
    pub(super) number: u64,
}

impl<P: Protocol> Factory for ServiceFactory<P> {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.life.build(peer)?;
        let deliver = protocol.as_deliver();
        let watch = ServiceWatch { life: self.life.clone(), number: self.number, protocol };
        Some(Watched::around(deliver, watch))
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        Cow::Borrowed(P::log_prefix())
    }
}

struct ServiceWatch<P: Protocol> {
    life: Rc<Lifetime<P>>,
    number: u64,
    protocol: ProtocolRef<P>,
}

impl<P: Protocol> ConnectionWatch for ServiceWatch<P> {
    fn connection_made(&self, transport: &Rc<dyn Transport>) -> bool {
        self.life.connection_made(self.number, &self.protocol, transport)
    }

    fn connection_lost(&self, reason: &Reason) {
        self.life.connection_lost(self.number, reason);
    }
}
