//! [`WrappingFactory`]: a layer below each protocol of a factory; Twisted's name.
//!
//! Invariant: a peer that the wrapped factory refuses is refused, and no layer is made for it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

use interfaces::{Address, Deliver, Factory, short_type_name};

use super::protocol_wrapper::{OpenLayers, ProtocolWrapper};
use super::{Layer, LayerTransport};

/// Puts a [`Layer`] below each protocol of a factory.
///
/// # Differences from Twisted
///
/// - The start and the stop of each port are passed on, and the wrapped factory counts them, as
///   [`FactoryFn`](crate::FactoryFn) does; in Twisted both factories count.
/// - A refusal by the wrapped factory is one; in Twisted the wrapper is built around nothing.
/// - What logs call a protocol is its own name alone; the factory's has the layer's behind it, in
///   parentheses, as in Twisted.
pub struct WrappingFactory<L: Layer> {
    factory: Rc<dyn Factory>,
    build: Box<dyn Fn(&Address) -> Option<L>>,
    open: OpenLayers<L>,
}

impl<L: Layer> WrappingFactory<L> {
    /// Puts what `build` makes for each peer below the protocols of `factory`. It is called after the
    /// protocol was built.
    pub fn new(factory: Rc<dyn Factory>, build: impl Fn(&Address) -> L + 'static) -> Self {
        Self::listed_in(Rc::default(), factory, build)
    }

    /// As [`new`](Self::new), with a list of the open ones that outlives the factory.
    pub(crate) fn listed_in(
        open: OpenLayers<L>,
        factory: Rc<dyn Factory>,
        build: impl Fn(&Address) -> L + 'static,
    ) -> Self {
        Self::optional_in(open, factory, move |peer| Some(build(peer)))
    }

    /// As [`new`](Self::new), with a layer that may not be had: a peer for which `build` answers `None` is
    /// refused.
    pub fn optional(
        factory: Rc<dyn Factory>,
        build: impl Fn(&Address) -> Option<L> + 'static,
    ) -> Self {
        Self::optional_in(Rc::default(), factory, build)
    }

    fn optional_in(
        open: OpenLayers<L>,
        factory: Rc<dyn Factory>,
        build: impl Fn(&Address) -> Option<L> + 'static,
    ) -> Self {
        Self { factory, build: Box::new(build), open }
    }

    /// The layers of the connections that stand. Twisted's `protocols`.
    #[doc(alias = "protocols")]
    pub fn connections(&self) -> Vec<Rc<LayerTransport<L>>> {
        self.open.all()
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl<L: Layer> Factory for WrappingFactory<L> {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.factory.build_protocol(peer)?;
        Some(ProtocolWrapper::around(protocol, (self.build)(peer)?, Some(self.open.clone())))
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        format!("{} ({})", self.factory.log_prefix(), short_type_name::<L>()).into()
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}

impl<L: Layer> fmt::Debug for WrappingFactory<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingFactory")
            .field("layer", &short_type_name::<L>())
            .field("connections", &self.connections().len())
            .finish_non_exhaustive()
    }
}
