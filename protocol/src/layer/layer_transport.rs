//! [`LayerTransport`]: the transport that a protocol above a layer is given.
//!
//! Invariant: every call goes to the layer, or, where it has none for it, to the transport below, with
//! every ability that it has.

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::fmt;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, Producer, PushProducer,
    Query, TcpTransport, TlsTransport, Transport, UnixTransport, short_type_name,
};

use super::Layer;

/// A [`Layer`] on its connection, and the transport of the protocol above it.
pub struct LayerTransport<L: Layer> {
    me: Weak<Self>,
    layer: L,
    below: OnceCell<Rc<dyn Transport>>,
    inserted: OnceCell<Rc<dyn Transport>>,
}

impl<L: Layer> LayerTransport<L> {
    pub(super) fn new(layer: L) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            layer,
            below: OnceCell::new(),
            inserted: OnceCell::new(),
        })
    }

    pub(super) fn set_below(&self, below: &Rc<dyn Transport>) {
        // A connection is made once; the first transport stays.
        let _ = self.below.set(below.clone());
    }

    /// The layer.
    #[inline]
    pub fn layer(&self) -> &L {
        &self.layer
    }

    /// The transport below; `None` before the connection is made.
    #[inline]
    pub fn below(&self) -> Option<&Rc<dyn Transport>> {
        self.inserted.get().or_else(|| self.below.get())
    }

    /// Puts another layer's transport between this layer and the transport below, for all calls from now
    /// on, also those of a protocol that has kept its handle. Once; returns whether it was done. The events
    /// are the layer's part: [`Layer::deliver`]. Called by a layer whose connection changes what it is, as
    /// TLS in mid-connection; Twisted's `startTLS` does it in the transport itself.
    #[doc(alias = "startTLS")]
    pub fn insert_below(&self, transport: Rc<dyn Transport>) -> bool {
        self.below.get().is_some() && self.inserted.set(transport).is_ok()
    }

    /// A reference that keeps nothing alive, for timers.
    pub fn downgrade(&self) -> Weak<Self> {
        self.me.clone()
    }

    #[inline]
    fn with(&self, call: impl FnOnce(&L, &dyn Transport)) {
        if let Some(below) = self.below() {
            call(&self.layer, &**below);
        }
    }
}

impl<L: Layer> PushProducer for LayerTransport<L> {
    fn pause_producing(&self) {
        self.with(L::pause_producing);
    }

    fn resume_producing(&self) {
        self.with(L::resume_producing);
    }

    fn stop_producing(&self) {
        self.with(L::stop_producing);
    }

    fn has_finished(&self) -> bool {
        self.below().is_some_and(|below| below.has_finished())
    }
}

impl<L: Layer> Transport for LayerTransport<L> {
    fn write(&self, data: &[u8]) {
        self.with(|layer, below| layer.write(below, data));
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.with(|layer, below| layer.write_sequence(below, chunks));
    }

    fn lose_connection(&self) {
        self.with(L::lose_connection);
    }

    fn abort_connection(&self) {
        self.with(L::abort_connection);
    }

    fn lose_connection_with_reset(&self) {
        self.with(L::lose_connection_with_reset);
    }

    fn undelivered_bytes(&self) -> usize {
        self.below().map_or(0, |below| below.undelivered_bytes())
    }

    fn is_broken(&self) -> bool {
        self.below().is_some_and(|below| below.is_broken())
    }

    fn raw_descriptor(&self) -> Option<i32> {
        self.below()?.raw_descriptor()
    }

    fn peer(&self) -> Address {
        self.below().map_or_else(unconnected, |below| self.layer.peer(&**below))
    }

    fn host(&self) -> Address {
        self.below().map_or_else(unconnected, |below| self.layer.host(&**below))
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.below() {
            Some(below) => below.describe(f),
            None => write!(f, "{}, not connected yet", short_type_name::<L>()),
        }
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        match self.below() {
            Some(below) => self.layer.register_producer(&**below, producer),
            None => Err(AlreadyProducing),
        }
    }

    fn unregister_producer(&self) {
        self.with(L::unregister_producer);
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.with(|layer, below| layer.set_buffer_limits(below, limits));
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.below().map_or_else(BufferLimits::default, |below| below.buffer_limits())
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        self.below()?.as_half_closeable().map(|_| self as &dyn HalfCloseableTransport)
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        self.below()?.as_tcp()
    }

    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        self.below()?.as_unix()
    }

    fn as_tls(&self) -> Option<&dyn TlsTransport> {
        self.below()?.as_tls()
    }

    fn answer(&self, query: &mut Query<'_>) {
        self.layer.answer(self, query);
        if let Some(below) = self.below() {
            below.answer(query);
        }
    }
}

impl<L: Layer> HalfCloseableTransport for LayerTransport<L> {
    fn lose_write_connection(&self) {
        if let Some(half_closeable) = self.below().and_then(|below| below.as_half_closeable()) {
            self.layer.lose_write_connection(half_closeable);
        }
    }
}

impl<L: Layer> fmt::Debug for LayerTransport<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

/// The address before there is a transport below; no protocol has the layer's then.
fn unconnected() -> Address {
    Address::Other(Rc::from("not connected yet"))
}
