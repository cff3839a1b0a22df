//! [`PrereadFactory`]: reads the first bytes of the connections of another factory.
//!
//! Invariant: the wrapped factory is asked for a protocol only when the bytes suffice.

use alloc::borrow::Cow;
use alloc::format;
use alloc::rc::Rc;
use core::task::{Poll, Waker};

use interfaces::{Address, Deliver, Factory};
use protocol::layer::wrap_protocol;

use super::late_protocol::LateProtocol;
use super::layer::PrereadLayer;
use super::{Preread, PrereadContext};

/// The factory of a port.
pub(crate) struct PrereadFactory<P: Preread> {
    factory: Rc<dyn Factory>,
    context: Rc<PrereadContext<P>>,
}

impl<P: Preread> PrereadFactory<P> {
    pub(crate) fn new(factory: Rc<dyn Factory>, context: PrereadContext<P>) -> Self {
        Self { factory, context: Rc::new(context) }
    }

    pub(crate) fn context(&self) -> &PrereadContext<P> {
        &self.context
    }
}

impl<P: Preread> Factory for PrereadFactory<P> {
    /// `None` for a peer that is not admitted.
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        if let Err(refusal) = P::admit(&self.context.options, peer) {
            (self.context.observer)(peer, refusal);
            return None;
        }
        let protocol = Rc::new(LateProtocol::new(self.factory.clone(), P::NAME));
        let layer = PrereadLayer::<P>::new(&self.context, Rc::downgrade(&protocol));
        Some(wrap_protocol(protocol, layer))
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        let ready = self.factory.poll_ready(on_the_way + self.context.pending(), waker);
        if ready.is_pending() {
            self.context.wait(waker);
        }
        ready
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        format!("{} ({})", self.factory.log_prefix(), P::NAME).into()
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}
